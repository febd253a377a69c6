"""Values as texts: numbers with their signs and units, words for numbers, and words for nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.fleet.recording import Column, Written
from models.fleet.units import conversion, unit_named

Float64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NOTHING = (
    "",
    "NaN",
    "nan",
    "NULL",
    "Null",
    "null",
    "N/A",
    "n/a",
    "#N/A",
    "NA",
    "None",
    "-nan",
    "-NaN",
    "\\N",
)
_TRUTH = {"true": 1.0, "false": 0.0}
_NO_STATES: Mapping[str, float] = {}
_EXPONENT = r"(?:[eE][+-]?\d+)?"
_INFINITE = re.compile(r"([+-]?)(?:inf|infinity)", re.IGNORECASE)
_SPACES = (" ", "\u00a0", "\u202f")


@dataclass(frozen=True, slots=True)
class Numbers:
    """Values (n,), NaN if nothing is said; if ``bad`` (n,) a text was no number, and says nothing."""

    values: Float64
    bad: Bools


class NumberReader:
    """Reads the values of one point: in the unit of its sensor.

    ``nulls``, ``missing`` and ``words`` are those of the point beside those of the whole; ``states`` are
    words, too. A number may be followed by a spelling of a unit, from which it is converted.
    """

    def __init__(
        self, written: Written, column: Column, unit: str, states: Mapping[str, float] = _NO_STATES
    ) -> None:
        self.written, self.column = written, column
        self._unit = column.unit or unit
        scale, offset = conversion(self._unit, unit) or (1.0, 0.0)
        self._scale, self._offset = column.scale * scale, column.offset * scale + offset
        self._missing = {word.casefold() for word in (*NOTHING, *written.missing, *column.missing)}
        words = {**_TRUTH, **states, **written.words, **column.words}
        self._words = {word.casefold(): value for word, value in words.items()}
        self._number = _pattern(written)
        own = sorted({*NOTHING, *written.missing, *column.missing})
        self._nothing = pa.array(own, pa.string())

    def read(self, texts: pa.StringArray) -> Numbers:
        """Return the numbers of texts (n,) without spaces around them; nothing is raised.

        >>> point = NumberReader(Written(decimal=",", missing=("Bad",)), Column(column="t"), "degC")
        >>> point.read(pa.array(["20,5", "Bad", "68 °F", "warm"])).values.round(3).tolist()
        [20.5, nan, 20.0, nan]
        """
        quick = self._quick(texts)
        if quick is not None:
            return Numbers(self.scaled(quick), np.zeros(len(texts), bool))
        encoded = texts.dictionary_encode()
        found = [self._tried(text) for text in encoded.dictionary.to_pylist()] + [(math.nan, False)]
        values, bad = (np.array(column) for column in zip(*found, strict=True))
        codes = pc.fill_null(encoded.indices, len(found) - 1).to_numpy(zero_copy_only=False)
        return Numbers(self.scaled(values[codes]), bad[codes])

    def scaled(self, raw: Float64) -> Float64:
        """Return numbers as they stand in the column (n,) in the unit of the sensor."""
        null = np.isin(raw, self.column.nulls)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.where(null, np.nan, raw * self._scale + self._offset)

    def one(self, raw: float) -> float:
        """Return one number as it stands in the unit of the sensor."""
        return math.nan if raw in self.column.nulls else raw * self._scale + self._offset

    def number(self, text: str) -> float:
        """Return the number of one text as it stands, NaN for nothing; ValueError if it is no number."""
        low = text.casefold()
        if low in self._missing:
            return math.nan
        if low in self._words:
            return self._words[low]
        infinite = _INFINITE.fullmatch(text)
        if infinite:
            return -math.inf if infinite[1] == "-" else math.inf
        found = self._number.match(text)
        if not found:
            raise ValueError(text)
        return self._with_suffix(self._plain(found[0]), text[found.end() :].strip())

    def why_not(self, text: str) -> str:
        """Say what was expected of a text that is no number, and which key would help.

        >>> NumberReader(Written(), Column(column="t"), "degC").why_not("20,5")
        "expected a number; decimal = ',' would read 20.5"
        """
        for key, changed in _with_other_signs(self.written):
            value = _only_number(changed, text)
            if value is not None:
                return f"expected a number; {key} = {getattr(changed, key)!r} would read {value:g}"
        found = self._number.match(text)
        if found and found[0] != text:
            suffix = text[found.end() :].strip()
            return f"expected a number; suffix = {suffix!r} would read {self._plain(found[0]):g}"
        return (
            f"expected a number; missing = [{text!r}] or words = {{ {text!r} = 1 }} would say what it means"
        )

    def _tried(self, text: str) -> tuple[float, bool]:
        try:
            return self.number(text.strip()), False
        except ValueError:
            return math.nan, True

    def _quick(self, texts: pa.StringArray) -> Float64 | None:
        """Read what Arrow reads by itself, all or nothing."""
        if self.written.decimal != "." or self._infinite_words():
            return None
        known = pc.if_else(pc.is_in(texts, self._nothing), None, texts)
        try:
            numbers = known.cast(pa.float64())
        except pa.ArrowInvalid:
            return None
        out: Float64 = pc.fill_null(numbers, math.nan).to_numpy(zero_copy_only=False)
        return out

    def _infinite_words(self) -> bool:
        """Return whether a word that is a number to Arrow has another meaning here."""
        return any(word[:1].isdigit() or word in ("inf", "infinity") for word in self._words)

    def _plain(self, number: str) -> float:
        for sign in (*_SPACES, "'", "’") if self.written.thousands in (" ", "'") else self.written.thousands:
            number = number.replace(sign, "")
        return float(number.replace(",", ".") if self.written.decimal == "," else number)

    def _with_suffix(self, value: float, suffix: str) -> float:
        if not suffix or suffix == self.column.suffix:
            return value
        unit = unit_named(suffix)
        found = conversion(unit, self._unit) if unit else None
        if found is None:
            raise ValueError(suffix)
        return value * found[0] + found[1]


def _with_other_signs(written: Written) -> Iterator[tuple[str, Written]]:
    """Yield the same with another decimal sign, and with another sign between thousands."""
    if written.decimal == ".":
        yield "decimal", replace(written, decimal=",", thousands="")
    else:
        yield "decimal", replace(written, decimal=".", thousands="")
    yield "thousands", replace(written, thousands="." if written.decimal == "," else ",")


def _pattern(written: Written) -> re.Pattern[str]:
    point = re.escape(written.decimal)
    signs = {"": "", " ": "".join(_SPACES), "'": "'’"}.get(written.thousands, written.thousands)
    whole = rf"\d{{1,3}}(?:[{re.escape(signs)}]\d{{3}})+|\d+" if signs else r"\d+"
    return re.compile(rf"[+-]?(?:(?:{whole})(?:{point}\d*)?|{point}\d+){_EXPONENT}", re.ASCII)


def _only_number(written: Written, text: str) -> float | None:
    found = _pattern(written).fullmatch(text)
    reader: Callable[[str], float] = NumberReader(written, Column(column=""), "1").number
    return reader(text) if found else None
