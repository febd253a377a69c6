"""Local times become UTC; of an hour that exists twice the order of rows says which it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import numpy as np

from models.event_time import DAY_MS
from models.fleet.recording import Written
from models.fleet.zones import zone_of
from models.intake.times import Bools, Int64

_LONG_MS = 1_800_000  # at so long a period an hour may hold one sample: then the same time again is the later


@dataclass(slots=True)
class _Series:
    """What was last read of one series: a local time that exists twice, and whether it was the later one."""

    last_ms: int
    later: bool


class LocalClock:
    """Turns local times into UTC, part by part, each series (a machine, or one of its points) in its order.

    In an hour that exists twice a time is the later one from where the series steps back in it; with samples
    half an hour apart or more, from where it says the same again. A time that never was is an hour later.
    """

    def __init__(self, written: Written, period_ms: int) -> None:
        self._zone: tzinfo = zone_of(written.timezone)
        self._rule, self._repeats = written.repeated_hour, period_ms >= _LONG_MS
        self._series: dict[int, _Series] = {}
        self.repeated = 0

    def to_utc(self, local_ms: Int64, series: Int64) -> Int64:
        """Return UTC milliseconds (n,) of local ones (n,), of ``series`` (n,), in the order of rows."""
        days, day = np.unique(local_ms // DAY_MS, return_inverse=True)
        begins = np.array([self._offset_ms(d * DAY_MS, 0) for d in days.tolist()], np.int64)
        ends = np.array([self._offset_ms((d + 1) * DAY_MS, 1) for d in days.tolist()], np.int64)
        out: Int64 = local_ms - begins[day]
        odd = np.flatnonzero((begins != ends)[day])
        if len(odd):
            out[odd] = self._on_odd_days(local_ms[odd], series[odd])
        return out

    def _on_odd_days(self, local_ms: Int64, series: Int64) -> Int64:
        distinct, inverse = np.unique(local_ms, return_inverse=True)
        both = np.array([[t - self._offset_ms(t, fold) for fold in (0, 1)] for t in distinct.tolist()])
        twice: Bools = (both[:, 1] > both[:, 0])[inverse]
        self.repeated += int(twice.sum())
        later = np.zeros(len(local_ms), np.int64)
        rows = np.flatnonzero(twice)
        later[rows] = self._folds(local_ms[rows], series[rows])
        return both[inverse, later].astype(np.int64)

    def _folds(self, local_ms: Int64, series: Int64) -> list[int]:
        if self._rule != "order":
            return [int(self._rule == "later")] * len(local_ms)
        backwards = _goes_backwards(local_ms, series)
        pairs = list(zip(series.tolist(), local_ms.tolist(), strict=True))
        found = [self._fold(*pair) for pair in (reversed(pairs) if backwards else pairs)]
        return found[::-1] if backwards else found

    def _fold(self, series: int, time_ms: int) -> int:
        known = self._series.get(series)
        if known is None or abs(time_ms - known.last_ms) >= DAY_MS:
            known = self._series[series] = _Series(time_ms, later=False)
            return 0
        stepped = time_ms < known.last_ms or (self._repeats and time_ms == known.last_ms)
        known.last_ms, known.later = time_ms, known.later or stepped
        return int(known.later)

    def _offset_ms(self, local_ms: int, fold: int) -> int:
        moment = datetime.fromtimestamp(local_ms / 1000, UTC).replace(tzinfo=self._zone, fold=fold)
        offset = moment.utcoffset()
        return round(offset.total_seconds() * 1000) if offset else 0


def _goes_backwards(local_ms: Int64, series: Int64) -> bool:
    """Return whether rows come newest first, as some exports have them."""
    order = np.argsort(series, kind="stable")
    steps = np.diff(local_ms[order])[np.diff(series[order]) == 0]
    return int((steps < 0).sum()) > int((steps > 0).sum())
