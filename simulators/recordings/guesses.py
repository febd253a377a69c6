"""What the columns of a strange table may be: each guess with its evidence, for a person to decide."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from models.fleet.recording import Column, Written
from models.fleet.units import unit_named
from models.intake.numbers import NOTHING, Float64, NumberReader
from models.intake.times import fitting_formats, parse_times
from simulators.recordings.strange_table import TIME_WORD, StrangeTable, is_number

_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp]\.?[Mm]\.?)?")
_MACHINE = re.compile(
    r"machine|asset|unit|device|equip|serial|chiller|pump|turbine|station|engine|vehicle|drive|anlage|maschine|\bid\b|_id$|id$",
    re.IGNORECASE,
)
_POINT = re.compile(
    r"point|tag|variable|param|metric|sensor|signal|channel|name|entity|messstelle", re.IGNORECASE
)
_VALUE = re.compile(r"^(value|val|reading|wert|state|mean|measurement)$", re.IGNORECASE)
_EVENT = re.compile(r"fail|fault|alarm|anomal|broken|label|error|trip|stoer|störung|status", re.IGNORECASE)
_NOTHING = {word.casefold() for word in NOTHING}
_FAILURE = re.compile(r"fail|fault|anomal|broken|trip", re.IGNORECASE)
_QUIET = {"0", "0.0", "false", "False"}
_CODE, _SUFFIX = re.compile(r"0\d+"), re.compile(r"[\d.,]+\s*([^\d.,\s].*)")
_IN_BRACKETS = re.compile(r"[\[(]([^\])]*)[\])]\s*$")
# Words of Brick and Haystack tags in headings, and the unit that they are most often in.
_USUAL_UNITS = (
    (r"temp|\bdb\b|\bwb\b", "degC"),
    (r"humid|\brh\b|valve|damper|\bload\b|speed signal|position", "%"),
    (r"press", "bar"),
    (r"flow", "L/s"),
    (r"energy|kwh|meter", "kWh"),
    (r"power|\bkw\b|demand", "kW"),
    (r"current|\bamp", "A"),
    (r"volt", "V"),
    (r"vibration|rms|accel", "mm/s"),
    (r"rpm|rotat|speed", "rpm"),
)


@dataclass(frozen=True)
class TimeGuess:
    """The column of the time (with ``date`` if that is another), its format, and others that would fit."""

    column: str
    date: str
    time_format: str
    others: tuple[str, ...]
    time_ms: tuple[int, ...]


@dataclass(frozen=True)
class SensorGuess:
    """A column of numbers, or of words for them; ``kind`` is gauge, counter or state."""

    column: str
    key: str
    unit: str
    why_unit: str
    low: float
    high: float
    kind: str
    words: tuple[str, ...]
    suffix: str


def time_of(table: StrangeTable) -> TimeGuess | None:
    """Return the column that is most likely the time; None if there is none."""
    best: tuple[int, TimeGuess] | None = None
    for name, texts in table.columns.items():
        said = [text for text in texts[:300] if text]
        if not said:
            continue
        guess = _time_in(table, name, said)
        if guess is not None:
            numeric = all(map(is_number, said))
            rising = list(guess.time_ms) == sorted(guess.time_ms) and len(set(guess.time_ms)) > 1
            worth = 4 * (not numeric) + 2 * bool(guess.date) + 3 * bool(TIME_WORD.search(name)) + rising
            if (best is None or worth > best[0]) and worth >= 3:
                best = worth, guess
    return best[1] if best else None


def _time_in(table: StrangeTable, name: str, said: list[str]) -> TimeGuess | None:
    if all(map(_CLOCK.fullmatch, said)):
        for date in table.columns:
            both = [f"{d} {c}" for d, c in zip(table.columns[date], table.columns[name], strict=True)][:300]
            formats = fitting_formats(both) if date != name else []
            if formats:
                return _guess(table, name, date, both, formats)
        return None
    formats = fitting_formats(said)
    return _guess(table, name, "", said, formats) if formats else None


def _guess(table: StrangeTable, name: str, date: str, texts: list[str], formats: list[str]) -> TimeGuess:
    times = parse_times(pa.array(texts), Written(time_format=formats[0], decimal=table.decimal))
    return TimeGuess(name, date, formats[0], tuple(formats[1:]), tuple(times.time_ms.tolist()))


def machine_of(table: StrangeTable, taken: Sequence[str], instants: Sequence[int]) -> str | None:
    """Return the column that names the machine: it says so, and its words, or the times, come again."""
    for name, texts in table.columns.items():
        said = [text for text in texts if text]
        distinct = len(set(said))
        if name in taken or not said or not _MACHINE.search(name) or _fractions(said):
            continue
        if distinct <= max(len(said) // 2, 1) or len(set(instants)) <= len(instants) // 2:
            return name
    return None


def long_of(table: StrangeTable, taken: Sequence[str]) -> tuple[str, str] | None:
    """Return the columns of the point and of its value, if points stand one below the other."""
    value = next((n for n in table.columns if n not in taken and _VALUE.search(n)), None)
    if value is None:
        return None
    point = next(
        (
            n
            for n, texts in table.columns.items()
            if n not in (*taken, value) and _POINT.search(n) and not all(map(is_number, filter(None, texts)))
        ),
        None,
    )
    return (point, value) if point else None


def heading_of(table: StrangeTable, taken: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return a pattern of headings that begin with the machine, and the points; None if they do not."""
    names = [name for name in table.columns if name not in taken]
    for sign in (".", ":", "/", "|", " - ", "_"):
        parts = [name.split(sign, 1) for name in names]
        if len(names) < 2 or any(len(part) != 2 or not all(part) for part in parts):
            continue
        machines, points = Counter(p[0] for p in parts), Counter(p[1] for p in parts)
        if len(machines) > 1 and min(points.values()) == len(machines):
            return f"(?P<asset>[^{sign[0]}]+){re.escape(sign)}(?P<point>.+)", list(points)
    return None


def sensor_of(table: StrangeTable, name: str, texts: Sequence[str], used: set[str]) -> SensorGuess | None:
    """Return what a column measures; None if it is neither numbers nor a few words."""
    said = [text for text in texts if text]
    suffix = _suffix(said)
    values = _numbers(table, said, suffix)
    known = values[np.isfinite(values)]
    strange = {t for t, v in zip(said, values, strict=True) if math.isnan(v)}
    words = tuple(sorted(word for word in strange if word.casefold() not in _NOTHING))
    if not said or any(map(_CODE.fullmatch, said)) or (len(words) > 6 and len(words) > len(said) // 10):
        return None
    unit, why = (unit_named(suffix), "after its numbers") if suffix else (None, "")
    unit, why = (unit, why) if unit else _unit(table, name)
    low, high = _range(known) if len(known) else (0.0, float(max(len(words), 1)))
    key = key_of(name, used)
    return SensorGuess(
        name, key, unit, why, low, high, _kind(known), words, "" if unit_named(suffix) else suffix
    )


def _kind(known: Float64) -> str:
    if not len(known) or set(known.tolist()) <= {0.0, 1.0}:
        return "state"
    return "counter" if _rises(known) else "gauge"


def _suffix(said: Sequence[str]) -> str:
    """Return the text that stands after nearly all numbers; empty if there is none."""
    found = Counter(match[1] for text in said if (match := _SUFFIX.fullmatch(text)))
    word, count = found.most_common(1)[0] if found else ("", 0)
    return word if count > 0.9 * len(said) else ""


def event_of(table: StrangeTable, taken: Sequence[str]) -> tuple[str, str, str] | None:
    """Return a column that may say when a machine failed, the word that may mean it, and the evidence."""
    for name, texts in table.columns.items():
        count = Counter(text for text in texts if text)
        if name in taken or not _EVENT.search(name) or not 1 <= len(count) <= 8:
            continue
        if count and set(count) <= _QUIET and _FAILURE.search(name):
            return name, "1", f"its name; only {', '.join(count)} was seen"
        rare = [
            word
            for word, n in count.most_common()
            if word.casefold() not in ("0", "0.0", "false", "normal", "ok")
        ]
        if rare:
            shown = ", ".join(f"{word} ({n})" for word, n in count.most_common(5))
            return name, rare[-1], f"its name, and its words: {shown}"
    return None


def key_of(name: str, used: set[str]) -> str:
    """Return a key in snake_case that is not used yet, and use it.

    >>> key_of("Supply Air Temp [°C]", set()), key_of("1. Druck", set())
    ('supply_air_temp', 's_1_druck')
    """
    plain = _IN_BRACKETS.sub("", name) if _IN_BRACKETS.sub("", name).strip() else name
    key = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:50] or "sensor"
    key = key if key[0].isalpha() else f"s_{key}"
    found = next(k for k in (key, *(f"{key}_{i}" for i in range(2, 9999))) if k not in used)
    used.add(found)
    return found


def _numbers(table: StrangeTable, said: Sequence[str], suffix: str) -> Float64:
    written = Written(decimal=table.decimal, thousands=table.thousands)
    column = Column(column="", suffix=suffix)
    return NumberReader(written, column, "1").read(pa.array(said, pa.string())).values


def _unit(table: StrangeTable, name: str) -> tuple[str, str]:
    bracketed = _IN_BRACKETS.search(name)
    for text, where in (
        (bracketed[1] if bracketed else "", "in the heading"),
        (table.units.get(name, ""), "in the units row"),
    ):
        unit = unit_named(text) if text else None
        if unit:
            return unit, f"{text!r} {where}"
    for pattern, unit in _USUAL_UNITS:
        if re.search(pattern, name, re.IGNORECASE):
            return unit, "a guess by its name: please check"
    return "1", "nothing says its unit: please give it"


def _range(known: Float64) -> tuple[float, float]:
    low, high = float(known.min()), float(known.max())
    margin = max(high - low, abs(high) * 0.1, 1e-6)
    wide = 10.0 ** math.floor(math.log10(margin))
    return math.floor((low - margin) / wide) * wide if low < 0 else 0.0, math.ceil(
        (high + margin) / wide
    ) * wide


def _rises(known: Float64) -> bool:
    steps = np.diff(known)
    return len(known) >= 20 and bool((steps >= 0).mean() > 0.99) and len(np.unique(known)) > len(known) // 4


def _fractions(said: Sequence[str]) -> bool:
    return any(is_number(text) and re.search(r"[.,]\d*[1-9]", text) for text in said)


def attributes_of(table: StrangeTable, machine: str, taken: Sequence[str]) -> list[str]:
    """Return the columns of words that say one thing of each machine, as its model."""
    names, out = table.columns[machine], []
    for column, texts in table.columns.items():
        pairs = {(name, text) for name, text in zip(names, texts, strict=True) if name and text}
        plain = any(is_number(text) for _, text in pairs)
        if (
            column not in (machine, *taken)
            and pairs
            and not plain
            and len(pairs) == len({n for n, _ in pairs})
        ):
            out.append(column)
    return out
