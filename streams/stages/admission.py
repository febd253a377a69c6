"""Which telemetry is let in: times are held against their arrival, and new machines against a limit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np

from models.errors import RecordError
from models.fleet.fleet import Fleet
from models.telemetry.labels import Bools
from models.telemetry.samples import Event, Int64, Samples
from streams.alarms import alarm
from streams.records import Watermark
from streams.wire.validation import clip

EARLIEST_MS = 946_684_800_000  # the year 2000: what lies before it is seconds, or an unset clock
_MOST_NAMED = 4

Record = Samples | Event | Watermark


class Admission:
    """Lets in what is plausible; the rest is named, and nothing else of a message is lost.

    A time may lie between the year 2000 and ``max_future_s`` after the arrival of its message, as the log has
    it: a clock that is wrong for one sample moves nothing. A partition takes ``max_assets`` machines, since
    each costs memory for as long as it is remembered. The first refusal for want of room is an alarm.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.future_ms = 1000 * fleet.sampling.max_future_s
        self.max_assets, self.asset = fleet.max_assets, fleet.asset
        self._names: set[str] = set()
        self._full = False

    def restore(self, names: Iterable[str]) -> None:
        """Know these machines, and no others."""
        self._names = set(names)

    def admit(self, record: Record, arrived_ms: int) -> tuple[Record, tuple[str, ...]]:
        """Return what of a record is let in, and why the rest is not; RecordError if nothing is."""
        latest_ms = arrived_ms + self.future_ms
        if isinstance(record, Samples):
            return self._samples(record, latest_ms if arrived_ms else 0)
        if arrived_ms and not EARLIEST_MS <= record.time_ms <= latest_ms:
            raise RecordError(_untimely(record.time_ms, latest_ms))
        if isinstance(record, Event) and self._refused([record.asset]):
            raise RecordError(self._too_many([record.asset]))
        return record, ()

    def _samples(self, samples: Samples, latest_ms: int) -> tuple[Samples, tuple[str, ...]]:
        oldest_ms, newest_ms = _span(samples.time_ms)
        timely = not latest_ms or EARLIEST_MS <= oldest_ms <= newest_ms <= latest_ms
        if timely and self._names.issuperset(samples.assets):
            return samples, ()
        return self._sifted(samples, latest_ms)

    def _sifted(self, samples: Samples, latest_ms: int) -> tuple[Samples, tuple[str, ...]]:
        problems: list[str] = []
        kept = np.ones(len(samples), bool)
        if latest_ms:
            kept = (samples.time_ms >= EARLIEST_MS) & (samples.time_ms <= latest_ms)
            problems += [] if kept.all() else [_wrong_clocks(samples, ~kept, latest_ms)]
        present = _present(samples, kept)
        refused = self._refused(present)
        if refused:
            problems.append(self._too_many(refused))
            codes = [i for i, name in enumerate(samples.assets) if name in set(refused)]
            kept &= ~np.isin(samples.asset, codes)
        if not kept.any():
            raise RecordError("; ".join(problems))
        self._names.update(set(present) - set(refused))
        return (samples if kept.all() else _of(samples, kept)), tuple(problems)

    def _refused(self, names: list[str]) -> list[str]:
        """Return the new machines for which there is no room; the first of several are let in."""
        new = [name for name in names if name not in self._names]
        return new[max(self.max_assets - len(self._names), 0) :]

    def _too_many(self, names: list[str]) -> str:
        named = ", ".join(repr(clip(name)) for name in names[:_MOST_NAMED])
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        reason = f"asset {named}{more}: not admitted, this partition has its max_assets = {self.max_assets}"
        if not self._full:
            self._full = True
            alarm(f"{reason}; raise max_assets in the fleet file, or find out who sends these names")
        return reason


def _span(time_ms: Int64) -> tuple[int, int]:
    """Return the oldest and the newest time; most messages have one."""
    if len(time_ms) == 1:
        return int(time_ms[0]), int(time_ms[0])
    return int(time_ms.min()), int(time_ms.max())


def _present(samples: Samples, kept: Bools) -> list[str]:
    """Return the machines that have a row left, in their order."""
    return [samples.assets[i] for i in np.unique(samples.asset[kept]).tolist()]


def _of(samples: Samples, kept: Bools) -> Samples:
    """Return some rows, and no name that has none: a name without rows would be remembered."""
    used, asset = np.unique(samples.asset[kept], return_inverse=True)
    names = tuple(samples.assets[i] for i in used.tolist())
    return Samples(names, asset.astype(np.int32), samples.time_ms[kept], samples.values[kept])


def _wrong_clocks(samples: Samples, wrong: Bools, latest_ms: int) -> str:
    """Name the machines whose times are refused, and one such time."""
    names = _present(samples, wrong)
    named = ", ".join(repr(name) for name in names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    reason = _untimely(int(samples.time_ms[wrong][0]), latest_ms)
    return f"{int(wrong.sum())} samples of {named}{more}: {reason}"


def _untimely(time_ms: int, latest_ms: int) -> str:
    said = f"{time_ms} ms ({_date(time_ms)})"
    if time_ms < EARLIEST_MS:
        return f"time {said}: expected UTC ms since 1970, after the year 2000; were these seconds?"
    return f"time {said}: expected at most {_date(latest_ms)}, max_future_s after its arrival"


def _date(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
