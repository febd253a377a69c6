"""Times as texts: read by a declared format, to UTC milliseconds; parts of a millisecond are cut off."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.event_time import DAY_MS
from models.fleet.recording import EXCEL, ISO, UNIX, Written

Int64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXCEL_EPOCH_D = 25_569  # 1970-01-01 as Excel counts days
_MILLISECOND = timedelta(milliseconds=1)
_MIDNIGHT = re.compile(r"(?<!\d)24:00(:00(?:[.,]0+)?)?(?!\d)")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp]\.?[Mm]\.?)?")

# Formats that are tried for a hint, and for a first guess at a strange file.
USUAL_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%y %H:%M:%S",
    "%d.%m.%y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%d/%m/%Y %I:%M:%S %p",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%y %H:%M",
    "%d/%m/%y %H:%M",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d %m %Y %H:%M:%S",
    "%d %m %Y %H:%M",
    "%d-%b-%Y %H:%M:%S",
    "%d-%b-%y %H:%M:%S",
    "%d-%b-%y %I:%M:%S %p",
    "%d %b %Y %H:%M:%S",
    "%b %d %Y %H:%M:%S",
    "%Y%m%d%H%M",
    "%Y%m%d%H%M%S",
    "%Y%m%d %H%M%S",
    "%Y%m%d %H:%M:%S",
    "%Y%m%dT%H%M%SZ",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%Y/%m/%d",
)


@dataclass(frozen=True, slots=True)
class Times:
    """Times of ``n`` texts: ``time_ms`` (n,), UTC where ``zoned`` (n,) and local otherwise.

    Where ``bad`` (n,) a text could not be read, and its time is 0.
    """

    time_ms: Int64
    zoned: Bools
    bad: Bools


def parse_times(texts: pa.StringArray, written: Written) -> Times:
    """Read texts (n,), null where there is nothing, by ``time_format``; nothing is raised.

    >>> found = parse_times(pa.array(["1.3.2024 24:00", "?"]), Written(time_format="%d.%m.%Y %H:%M"))
    >>> found.time_ms.tolist(), found.bad.tolist(), found.zoned.tolist()
    ([1709337600000, 0], [False, True], [False, False])
    """
    quick = _quick(texts, written)
    if quick is not None:
        return quick
    encoded = texts.dictionary_encode()
    read = reader_of(written)
    found = [_tried(read, text) for text in encoded.dictionary.to_pylist()] + [(0, False, True)]
    time_ms, zoned, bad = (np.array(column) for column in zip(*found, strict=True))
    codes = pc.fill_null(encoded.indices, len(found) - 1).to_numpy(zero_copy_only=False)
    return Times(time_ms.astype(np.int64)[codes], zoned[codes], bad[codes])


def parse_time(text: str, written: Written) -> tuple[int, bool]:
    """Return milliseconds, and whether they are UTC (else local); ValueError if it is no such time."""
    return reader_of(written)(text)


def reader_of(written: Written) -> Callable[[str], tuple[int, bool]]:
    """Return what reads one text; it raises ValueError if that is no such time."""
    kind = written.time_format
    if kind == ISO:
        return _after_midnight(datetime.fromisoformat)
    if kind == EXCEL:
        return lambda text: (_excel(_decimal(text, written)), False)
    if kind in UNIX:
        size = UNIX[kind]
        return lambda text: (int(_decimal(text, written) * size // 1_000_000), True)
    return _after_midnight(_by_format(kind))


def native_times(column: pa.Array) -> Times | None:
    """Return the times of a column that is typed, as Parquet has them; None if it holds texts or numbers.

    Raises ValueError if it is a time of day without a date.
    """
    kind = column.type
    if pa.types.is_time(kind):
        raise ValueError("a time of day without a date")
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return None
    bad = column.is_null().to_numpy(zero_copy_only=False)
    zoned = np.full(len(column), pa.types.is_timestamp(kind) and kind.tz is not None)
    unit = "s" if pa.types.is_date(kind) else kind.unit
    plain = column.cast(pa.timestamp(unit)) if pa.types.is_date(kind) else column
    ticks = pc.fill_null(plain.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    per_ms = {"us": 1_000, "ns": 1_000_000}.get(unit, 1)
    time_ms = ticks // per_ms if unit != "s" else _times_1000(ticks)
    return Times(time_ms.astype(np.int64), zoned, bad)


def why_not(text: str | None, written: Written) -> str:
    """Say what was expected of a text that is no time by its format, and which key would help.

    >>> why_not("1726630200", Written())
    "expected a date or time in ISO 8601; time_format = 'unix_s' would read 2024-09-18 03:30:00"
    """
    kind = written.time_format
    expected = {
        ISO: "a date or time in ISO 8601",
        EXCEL: "a number of days, as Excel counts them",
        **dict.fromkeys(UNIX, f"a number, {kind}"),
    }.get(kind, f"a time like {kind}")
    if text and _CLOCK.fullmatch(text.strip()):
        return f"expected {expected}: a time without a date: name its two columns, time and date"
    found = guess_format([text]) if text else None
    if found is None or found == kind:
        return f"expected {expected}; time_format says how it is written"
    read = parse_time(str(text).strip(), Written(time_format=found))[0]
    shown = datetime.fromtimestamp(read / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"expected {expected}; time_format = {found!r} would read {shown}"


def guess_format(texts: list[str]) -> str | None:
    """Return the first usual format that reads all texts, most as times from 1980 to 2100; else None.

    >>> guess_format(["13.03.2024 00:10"]), guess_format(["45352.5"]), guess_format(["warm"])
    ('%d.%m.%Y %H:%M', 'excel', None)
    """
    return next((kind for kind in (ISO, *UNIX, EXCEL, *USUAL_FORMATS) if _fits(texts, kind)), None)


def fitting_formats(texts: list[str]) -> list[str]:
    """Return all usual formats that read all texts: two, if day and month could be either."""
    return [kind for kind in (ISO, *UNIX, EXCEL, *USUAL_FORMATS) if _fits(texts, kind)]


def _fits(texts: list[str], kind: str) -> bool:
    read, earliest, latest = reader_of(Written(time_format=kind)), 315_532_800_000, 4_102_444_800_000
    found = [_tried(read, text) for text in texts]
    likely = sum(not bad and earliest <= ms < latest for ms, _, bad in found)
    return bool(texts) and not any(bad for _, _, bad in found) and likely >= 0.9 * len(texts)


def _tried(read: Callable[[str], tuple[int, bool]], text: str) -> tuple[int, bool, bool]:
    try:
        time_ms, zoned = read(text.strip())
    except (ValueError, OverflowError, InvalidOperation):
        return 0, False, True
    in_range = abs(time_ms) < 1 << 62
    return (time_ms, zoned, False) if in_range else (0, False, True)


def _quick(texts: pa.StringArray, written: Written) -> Times | None:
    """Read what Arrow reads by itself, all or nothing."""
    kind, n = written.time_format, len(texts)
    if texts.null_count:
        return None
    try:
        if kind == ISO:
            found = texts.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy(zero_copy_only=False) // 1000
        elif kind in UNIX and UNIX[kind] <= 1_000_000:
            found = texts.cast(pa.int64()).to_numpy(zero_copy_only=False) // (1_000_000 // UNIX[kind])
        elif kind in UNIX:
            found = _times_1000(texts.cast(pa.int64()).to_numpy(zero_copy_only=False))
        else:
            return None
    except pa.ArrowInvalid:
        return None
    return Times(found, np.full(n, kind != ISO), np.zeros(n, bool))


def _times_1000(ticks: Int64) -> Int64:
    """Return seconds as milliseconds; what would not fit becomes what no check lets pass."""
    return np.clip(ticks, -(1 << 52), 1 << 52) * 1000


def _decimal(text: str, written: Written) -> Decimal:
    plain = text.replace(",", ".") if written.decimal == "," else text
    found = Decimal(plain)
    if not found.is_finite() or abs(found) > 1 << 62:
        raise ValueError(text)
    return found


def _excel(days: Decimal) -> int:
    """Return local milliseconds of a number of days; with six digits or fewer it is meant to the second."""
    exact = (days - _EXCEL_EPOCH_D) * DAY_MS
    digits = -int(days.as_tuple().exponent)
    return int(round(exact / 1000) * 1000) if digits <= 6 else round(exact)


def _by_format(kind: str) -> Callable[[str], datetime]:
    """Return what reads a text by a format of strptime; fractions of a second may have nine digits."""

    def read(text: str) -> datetime:
        if "%p" in kind:
            text = re.sub(r"([AaPp])\.?\s?([Mm])\.?$", r"\1\2", text)
        if "%f" in kind:
            text = re.sub(r"([.,]\d{6})\d+", r"\1", text)
        return datetime.strptime(text, kind)  # noqa: DTZ007  (its zone is asked for next)

    return read


def _after_midnight(read: Callable[[str], datetime]) -> Callable[[str], tuple[int, bool]]:
    """Return what reads a text as milliseconds; 24:00 is the midnight that ends a day."""

    def milliseconds(text: str) -> tuple[int, bool]:
        ends = _MIDNIGHT.search(text)
        if ends:
            text = text[: ends.start()] + ends[0].replace("24", "00", 1) + text[ends.end() :]
        moment = read(text)
        zoned = moment.tzinfo is not None
        aware = moment if zoned else moment.replace(tzinfo=UTC)
        return (aware - _EPOCH) // _MILLISECOND + (DAY_MS if ends else 0), zoned

    return milliseconds
