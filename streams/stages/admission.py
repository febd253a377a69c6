"""Which telemetry is let in: times are held against their arrival, and new machines against a limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from models.errors import RecordError
from models.event_time import HOUR_MS
from models.fleet.fleet import Fleet
from models.telemetry.labels import Bools
from models.telemetry.samples import Event, Samples
from streams.alarms import alarm
from streams.records import Watermark
from streams.wire.sample_batch import SampleBatch
from streams.wire.validation import clip

EARLIEST_MS = 946_684_800_000  # the year 2000: what lies before it is seconds, or an unset clock
_MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class Newcomers:
    """How many machines were ``new`` in an ``hour`` of arrival since 1970; it never goes back."""

    hour: int = 0
    new: int = 0

    def at(self, arrived_ms: int) -> Newcomers:
        """Return the count of the hour of a message."""
        hour = arrived_ms // HOUR_MS
        return Newcomers(hour) if hour > self.hour else self

    def after(self, more: int) -> Newcomers:
        """Return the count after so many more."""
        return Newcomers(self.hour, self.new + more) if more else self


class Admission:
    """Lets in what is plausible; the rest is named, and nothing else of a message is lost.

    A time may lie between the year 2000 and ``max_future_s`` after the arrival of its message, as the log has
    it: a clock that is wrong for one sample moves nothing. A partition takes ``max_assets`` machines, since
    each costs memory for as long as it is remembered, of these ``max_new_assets_per_hour`` new ones in an
    hour of arrival, and if the fleet has an ``inventory``, only machines that stand in it. The first refusal
    of each kind is an alarm.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.future_ms = 1000 * fleet.sampling.max_future_s
        self.max_assets, self.asset = fleet.max_assets, fleet.asset
        self.max_new, self.inventory = fleet.max_new_assets_per_hour, frozenset(fleet.inventory)
        self.rate = Newcomers()
        self._names: set[str] = set()
        self._sounded: set[str] = set()

    def restore(self, names: Iterable[str], rate: Newcomers | None = None) -> None:
        """Know these machines, and no others, of which some were new in the last hour."""
        self._names, self.rate = set(names), rate or Newcomers()

    def admit(self, batch: SampleBatch) -> SampleBatch:
        """Return what is let in of each message, and why the rest is not."""
        arrived_ms = np.array([message.arrived_ms for message in batch.messages], np.int64)
        latest_ms = np.where(arrived_ms > 0, arrived_ms + self.future_ms, 0)
        oldest_ms, newest_ms = batch.spans()
        timely = (latest_ms == 0) | ((oldest_ms >= EARLIEST_MS) & (newest_ms <= latest_ms))
        if timely.all() and self._names.issuperset(batch.samples.assets):
            return batch
        return self._sifted(batch, timely.tolist(), latest_ms.tolist())

    def check(self, record: Event | Watermark, arrived_ms: int) -> None:
        """Raise RecordError where an event or a watermark is not let in."""
        latest_ms = arrived_ms + self.future_ms
        if arrived_ms and not EARLIEST_MS <= record.time_ms <= latest_ms:
            raise RecordError(_untimely(record.time_ms, latest_ms))
        problems = self._refused([record.asset], arrived_ms)[1] if isinstance(record, Event) else []
        if problems:
            raise RecordError(problems[0])

    def _sifted(self, batch: SampleBatch, timely: Sequence[bool], latest_ms: Sequence[int]) -> SampleBatch:
        """Look at one message after the other: which machines are new depends on those before."""
        kept, problems = np.ones(len(batch.samples), bool), dict(batch.problems)
        for i, names in enumerate(batch.names):
            if not names or (timely[i] and self._names.issuperset(names)):
                continue
            rows = slice(int(batch.first[i]), int(batch.first[i + 1]))
            kept[rows], found = self._sift(batch.samples[rows], latest_ms[i])
            problems[i] = (*problems.get(i, ()), *found) if kept[rows].any() else ("; ".join(found),)
        problems = {i: some for i, some in problems.items() if some}
        return batch if kept.all() else batch.keep(kept, problems)

    def _sift(self, samples: Samples, latest_ms: int) -> tuple[Bools, list[str]]:
        """Return which rows of a message are let in, and why the others are not."""
        problems: list[str] = []
        kept = np.ones(len(samples), bool)
        if latest_ms:
            kept = (samples.time_ms >= EARLIEST_MS) & (samples.time_ms <= latest_ms)
            problems += [] if kept.all() else [_wrong_clocks(samples, ~kept, latest_ms)]
        present = _present(samples, kept)
        refused, why = self._refused(present, latest_ms - self.future_ms if latest_ms else 0)
        if refused:
            problems += why
            codes = [i for i, name in enumerate(samples.assets) if name in refused]
            kept &= ~np.isin(samples.asset, codes)
        new = set(present) - refused - self._names
        self.rate = self.rate.after(len(new))
        self._names |= new
        return kept, problems

    def _refused(self, names: Sequence[str], arrived_ms: int) -> tuple[set[str], list[str]]:
        """Return the new machines that are not let in, and why; the first of several are let in."""
        new = [name for name in names if name not in self._names]
        strange = [name for name in new if self.inventory and name not in self.inventory]
        known = [name for name in new if name not in strange]
        room = max(self.max_assets - len(self._names), 0)
        crowd = known[room:]
        self.rate = self.rate.at(arrived_ms)
        left = room if self.max_new is None else max(self.max_new - self.rate.new, 0)
        sudden = known[:room][left:] if arrived_ms else []
        limits = (
            (strange, "it does not stand in the inventory", "add it there"),
            (crowd, f"this partition has its max_assets = {self.max_assets}", "raise max_assets"),
            (sudden, f"max_new_assets_per_hour = {self.max_new}", "wait an hour, or raise it"),
        )
        why = [self._not_admitted(*limit) for limit in limits if limit[0]]
        return {*strange, *crowd, *sudden}, why

    def _not_admitted(self, names: Sequence[str], limit: str, remedy: str) -> str:
        named = ", ".join(repr(clip(name)) for name in names[:_MOST_NAMED])
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        reason = f"asset {named}{more}: not admitted, {limit}"
        if limit not in self._sounded:
            self._sounded.add(limit)
            alarm(f"{reason}; {remedy} in the fleet file, or find out who sends these names")
        return reason


def _present(samples: Samples, kept: Bools) -> list[str]:
    """Return the machines that have a row left, in their order."""
    return [samples.assets[i] for i in np.unique(samples.asset[kept]).tolist()]


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
