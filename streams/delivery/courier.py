"""The courier: tries what is due beside the stage, a thread for each channel, and reports how it ended."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from models.delivery.notice import Parcel, Report, pause_ms
from models.errors import UnavailableError
from streams.alarms import alarm
from streams.delivery.channels import Channel
from streams.delivery.heartbeat import ending_the_process
from streams.redaction import redact

log = logging.getLogger(__name__)

_OFFER_HOLDS_S = 15.0  # what was offered before a process was stopped for long is another's by now

SendReport = Callable[[Report], None]


class ThreadedCourier:
    """Delivers parcels over channels; a channel that is slow or away keeps no other waiting.

    ``report`` makes durable how an attempt ended, ``now_ms`` is the clock, ``monotonic_s`` one that never
    goes back. Nothing that was reported is tried again before it is offered with more attempts behind it.
    """

    def __init__(
        self,
        channels: Mapping[str, Channel],
        report: SendReport,
        now_ms: Callable[[], int],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.report, self.now_ms, self.monotonic_s = report, now_ms, monotonic_s
        self._channels, self._lines = channels, dict[str, _Line]()

    def offer(self, parcels: Sequence[Parcel]) -> None:
        """Take all that is due; channels that are offered nothing have nothing to do any more."""
        by_channel: dict[str, list[Parcel]] = {name: [] for name in self._lines}
        for parcel in parcels:
            by_channel.setdefault(parcel.channel, []).append(parcel)
        for name, some in by_channel.items():
            self._line(name).offer(some, self.monotonic_s() + _OFFER_HOLDS_S)

    def _line(self, name: str) -> _Line:
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = _Line(self.monotonic_s)
            threading.Thread(target=self._deliver, args=(name, line), name=f"to {name}", daemon=True).start()
        return line

    def _deliver(self, name: str, line: _Line) -> None:
        with ending_the_process():
            while True:
                self.report(self._attempt(name, line.take()))

    def _attempt(self, name: str, parcel: Parcel) -> Report:
        """Try once; return how it ended."""
        attempt = parcel.attempts + 1
        try:
            reference = self._channel(name).send(parcel)
        except Exception as error:
            if not isinstance(error, UnavailableError):
                log.exception("notice %s", parcel.key)
            why = redact(str(error) or type(error).__name__)[:500]
            alarm(
                f"notice {parcel.key} was not delivered ({why}); nothing is lost, next try in "
                f"{pause_ms(attempt) // 1000} s"
            )
            return Report(parcel.key, attempt, sent=False, time_ms=self.now_ms(), reason=why)
        return Report(parcel.key, attempt, sent=True, time_ms=self.now_ms(), reference=reference[:128])

    def _channel(self, name: str) -> Channel:
        channel = self._channels.get(name)
        if channel is None:
            raise UnavailableError(f"{name}: no channel of this name is set (CHILLCAST_CHANNELS)")
        return channel


class _Line:
    """What one channel is offered; an offer holds for a while only."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self.monotonic_s = monotonic_s
        self._changed = threading.Condition()
        self._offered: list[Parcel] = []
        self._until_s = 0.0
        self._taken: set[tuple[str, int]] = set()

    def offer(self, parcels: Iterable[Parcel], until_s: float) -> None:
        """Let these wait, in the place of others, but for those that were taken."""
        with self._changed:
            offered = list(parcels)
            self._taken &= {(p.key, p.attempts) for p in offered}
            self._offered = [p for p in offered if (p.key, p.attempts) not in self._taken]
            self._until_s = until_s
            self._changed.notify()

    def take(self) -> Parcel:
        """Return the next parcel, once there is one."""
        with self._changed:
            while not (self._offered and self.monotonic_s() < self._until_s):
                self._changed.wait()
            parcel = self._offered.pop(0)
            self._taken.add((parcel.key, parcel.attempts))
            return parcel
