"""What came of the risks that were said: of machines with such a risk, how many had the outcome in time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.event_time import DAY_MS
from streams.page.weeks import DAYS, Strip
from streams.stores.selection import TIME, Condition, Selection
from streams.stores.store import Reader

_EDGES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.01)
_MOST_EVENTS = 50_000


@dataclass(frozen=True, slots=True)
class Bin:
    """Risks in [low, high): how many machine-days, their mean, and the share that had the outcome in time."""

    low: float
    high: float
    days: int
    said: float
    came: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Risks of machine-days whose horizon is over: how many outcomes they meant, and how many came."""

    bins: Sequence[Bin]
    days: int
    expected: float
    came: int


def shutdowns_since(reader: Reader, from_ms: int) -> dict[str, list[int]]:
    """Return when each machine had an outcome after a moment, the newest first."""
    asked = Condition(TIME, ">", float(from_ms)), Condition("kind", "=", "shutdown")
    told = reader.select(Selection("events", TIME, asked, descending=True, most=_MOST_EVENTS, every=True))
    found: dict[str, list[int]] = {}
    for row in told.rows:
        found.setdefault(row.tags.get("asset", ""), []).append(row.time_ms)
    return found


def calibrate(
    strips: Iterable[Strip], shutdowns: Mapping[str, Sequence[int]], now_ms: int, horizon_d: float
) -> Calibration:
    """Hold risks of ``strips``, which end at ``now_ms``, against what came within (end, end + horizon]."""
    horizon_ms, last_ms = int(horizon_d * DAY_MS), now_ms // DAY_MS * DAY_MS
    pairs: list[tuple[float, bool]] = []
    for strip in strips:
        times = shutdowns.get(strip.name, ())
        for i, risk in enumerate(strip.risks[:-1]):
            end_ms = last_ms - (DAYS - 2 - i) * DAY_MS
            if risk is not None and end_ms + horizon_ms <= now_ms:
                pairs.append((risk, any(end_ms < t <= end_ms + horizon_ms for t in times)))
    bins = [_bin(low, high, pairs) for low, high in itertools.pairwise(_EDGES)]
    expected, came = sum(risk for risk, _ in pairs), sum(has for _, has in pairs)
    return Calibration([one for one in bins if one.days], len(pairs), expected, came)


def _bin(low: float, high: float, pairs: Iterable[tuple[float, bool]]) -> Bin:
    found = [(risk, has) for risk, has in pairs if low <= risk < high]
    many = len(found) or 1
    said, came = sum(risk for risk, _ in found) / many, sum(has for _, has in found) / many
    return Bin(low, min(high, 1.0), len(found), said, came)
