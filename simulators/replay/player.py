"""Playing a source: at what speed, whether paused, from where, and never far ahead of who listens."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.errors import ConfigError
from models.fleet.fleet import Fleet
from models.telemetry.samples import TimeSlice, utc
from simulators.replay.replay import end, replay
from streams.records import Control
from streams.stage import Outgoing
from streams.wire.validation import parse_time

MAX = math.inf
_NAP_S = 0.02
_LOOK_S = 0.1

Open = Callable[[int | None], Iterable[TimeSlice]]


def parse_speed(text: str, key: str = "--speed") -> float:
    """Return event time over wall time; ConfigError names ``key``.

    >>> parse_speed("60"), parse_speed("max")
    (60.0, inf)
    """
    try:
        speed = MAX if text == "max" else float(text)
    except ValueError:
        speed = -1.0
    if not speed > 0:
        raise ConfigError("command line", key, text, "a number above 0, or max")
    return speed


def since(
    slices: Iterable[TimeSlice], from_ms: int | None, until_ms: int | None = None
) -> Iterator[TimeSlice]:
    """Yield what arrives in [from, until) of slices that come in order."""
    low, high = from_ms or 0, until_ms or np.iinfo(np.int64).max
    for part in slices:
        start_ms, end_ms = max(part.start_ms, low), min(part.end_ms, high)
        if start_ms < end_ms:
            yield part if (start_ms, end_ms) == (part.start_ms, part.end_ms) else _cut(part, start_ms, end_ms)


def _cut(part: TimeSlice, start_ms: int, end_ms: int) -> TimeSlice:
    part = part.in_order()
    low, high = np.searchsorted(part.arrivals, [start_ms, end_ms])
    events = tuple(e for e in part.events if start_ms <= part.placed(e.time_ms) < end_ms)
    return TimeSlice(start_ms, end_ms, part.samples[low:high], events, part.arrivals[low:high])


class _StopError(Exception):
    """Whoever steers the replay wants no more."""


class _SeekError(Exception):
    """Go on elsewhere."""

    def __init__(self, time_ms: int) -> None:
        self.time_ms = time_ms


@dataclass(frozen=True, slots=True)
class Steering:
    """What steers a player.

    ``commands`` returns what it was told since the last call, ``is_ahead`` whether a batch that ends at some
    event time is too far ahead of who listens, ``report`` is told what was done.
    """

    speed: float = MAX
    commands: Callable[[], Sequence[Control]] = tuple
    is_ahead: Callable[[int], bool] = lambda _: False
    report: Callable[[str], None] = lambda _: None
    began: Callable[[int], None] = lambda _: None


class Player:
    """Plays a source that ``open_at`` opens at an event time, None for its beginning.

    The clock is wall time; a batch is due ``speed`` times faster after the one before than it ended. What a
    pause, or waiting for the workers, took is not caught up.
    """

    def __init__(
        self,
        open_at: Open,
        steering: Steering,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.open_at, self.steering, self.speed = open_at, steering, steering.speed
        self._clock, self._sleep = clock, sleep
        self._paused = False
        self.position_ms = 0
        self._due: tuple[float, int] | None = None
        self._looked = -math.inf

    def play(
        self,
        fleet: Fleet,
        *,
        partitions: int,
        telemetry: str,
        send: Callable[[int, Outgoing], None],
        batch_s: int | None = None,
    ) -> None:
        """Send the source to its end, or to where it is told to stop."""
        whither: dict[str, Any] = {"partitions": partitions, "telemetry": telemetry, "send": send}

        def play(source: Iterable[TimeSlice]) -> None:
            replay(source, fleet, pace=self.wait, batch_s=batch_s, reached_ms=self.position_ms, **whither)

        start_ms: int | None = None
        while True:
            self._due = None
            try:
                play(self.open_at(start_ms))
            except _SeekError as seek:
                start_ms = seek.time_ms
                continue
            except _StopError:
                end(partitions, telemetry, self.position_ms, send)
            return

    def wait(self, end_ms: int) -> None:
        """Return when the batch that ends at an event time is to be sent."""
        if self._due is None:
            self.steering.began(end_ms)
            self._anchor(end_ms)
            # Told to stop before anything is sent, it ends here: 0 is no time that workers take.
            self.position_ms = self.position_ms or end_ms
        while True:
            self._obey(end_ms)
            if self._paused or self.steering.is_ahead(end_ms):
                self._sleep(_NAP_S)
                self._anchor(end_ms)
            elif (early_s := self._early_s(end_ms)) > 0:
                self._sleep(min(early_s, _LOOK_S))
            else:
                self.position_ms = end_ms
                return

    def _anchor(self, end_ms: int) -> None:
        self._due = self._clock(), end_ms

    def _early_s(self, end_ms: int) -> float:
        wall_s, from_ms = self._due or (self._clock(), end_ms)
        return wall_s + (end_ms - from_ms) / 1000 / self.speed - self._clock()

    def _obey(self, end_ms: int) -> None:
        if self._clock() - self._looked < _LOOK_S:
            return
        self._looked = self._clock()
        for command in self.steering.commands():
            self._do(command, end_ms)

    def _do(self, control: Control, end_ms: int) -> None:
        report, at = self.steering.report, utc(end_ms)
        if control.command == "stop":
            raise _StopError
        if control.command == "seek" and control.time is not None:
            time_ms = parse_time(control.time)
            report(f"from {at} to {utc(time_ms)}")
            raise _SeekError(time_ms)
        if control.command == "speed" and control.speed is not None:
            self.speed = control.speed or MAX
            self._anchor(end_ms)
            report(f"speed {'max' if self.speed == MAX else f'{self.speed:g}'} from {at}")
        elif control.command in ("pause", "resume"):
            self._paused = control.command == "pause"
            report(f"{'paused at' if self._paused else 'going on from'} {at}")
