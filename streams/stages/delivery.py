"""The stage of delivery: news of cases, the clock and reports in; attempts on record out.

It sends nothing by itself. What is due it offers to a courier at each beat that the courier's own process has
sent since the stage was opened: all that a predecessor has reported stands before that on the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import msgspec

from models.delivery.notice import Beat, Delivery, News, Parcel, Report, Silence
from models.delivery.plan import Aside, Plan
from models.delivery.watch import Watched
from models.errors import RecordError, StateError
from streams.kafka.topics import Topics
from streams.stage import Incoming, Outgoing
from streams.state.snapshots import parsed
from streams.wire import codec

_ASSET, _PLACE, _ASIDE = b"a", b"p", b"s"
_WAITS: Any = Parcel | None
_FORM = 1  # of what is remembered


class Courier(Protocol):
    """Delivers what it is offered, in its own time, and reports how each attempt ended."""

    def offer(self, parcels: Sequence[Parcel]) -> None:
        """Take all that is due; it takes the place of what was offered before and is not begun."""


class Beats(Protocol):
    """The beats that a process has sent: by whom, and how many so far."""

    by: str
    number: int


class DeliveryStage:
    """Leads the plan of one partition of the topic of notices."""

    identity = f"delivery {_FORM}"

    def __init__(self, topics: Topics, make_plan: Callable[[], Plan], courier: Courier, beats: Beats) -> None:
        self.topics, self.plan = topics, make_plan()
        self.courier, self.beats = courier, beats
        self._opened_at = beats.number
        self._aside = self.plan.aside

    def process(self, received: Sequence[Incoming]) -> Iterator[Outgoing]:
        """Yield what is to be on record of each message."""
        for message in received:
            try:
                move = codec.decode_notices(message.value, message.content_type)
            except RecordError as error:
                yield codec.dead_letter(self.topics.dead_letters, codec.letter(message, str(error)))
                continue
            for record in self._moved(move):
                yield codec.delivery(self.topics.deliveries, record)

    def delta(self) -> list[tuple[bytes, bytes]]:
        """Return each machine, notice and silence that is remembered otherwise than at the last call."""
        return list(self._changed())

    def restore(self, key: bytes, value: bytes) -> None:
        """Remember a machine, a notice that waits, or silences."""
        kind, name = key[:1], key[1:].decode()
        if kind == _ASSET:
            self.plan.restore(name, parsed(value, tuple[Watched, ...]))
        elif kind == _PLACE:
            channel, _, number = name.rpartition("/")
            self.plan.outbox.restore((channel, int(number)), parsed(value, _WAITS))
        elif key == _ASIDE:
            self.plan.aside = self._aside = parsed(value, Aside)
        else:
            raise StateError(f"key {key!r}: not one of this stage")

    def restored(self) -> None:
        """Do nothing: all is in its place."""

    def self_contained(self) -> bool:
        """Return False: what was told lies as far back as a case does."""
        return False

    def _changed(self) -> Iterator[tuple[bytes, bytes]]:
        plan, outbox = self.plan, self.plan.outbox
        for asset in sorted(plan.changed):
            yield _ASSET + asset.encode(), msgspec.msgpack.encode(plan.remember(asset))
        for channel, number in sorted(outbox.changed):
            parcel = outbox.remember((channel, number))
            yield _PLACE + f"{channel}/{number}".encode(), msgspec.msgpack.encode(parcel)
        if plan.aside != self._aside:
            self._aside = plan.aside
            yield _ASIDE, msgspec.msgpack.encode(plan.aside)
        plan.changed.clear()
        outbox.changed.clear()

    def _moved(self, move: News | Beat | Silence | Report) -> Iterable[Delivery]:
        if isinstance(move, News):
            self.plan.hear(move)
        elif isinstance(move, Silence):
            self.plan.silence(move)
        elif isinstance(move, Report):
            return self.plan.report(move)
        else:
            return self._beat(move)
        return []

    def _beat(self, beat: Beat) -> Iterable[Delivery]:
        out = self.plan.beat(beat.time_ms)
        if beat.by == self.beats.by and beat.number > self._opened_at:
            self.courier.offer(self.plan.ready(beat.time_ms))
        return out
