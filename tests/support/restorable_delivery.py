"""The stage of delivery, and what may come to it: news, the clock, silences, and how attempts ended."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from models.cases.book import CaseBook
from models.delivery.notice import Beat, News, Parcel, Report, Silence
from models.delivery.plan import Plan
from models.event_time import DAY_MS
from streams.stage import Incoming
from streams.stages.delivery import DeliveryStage
from streams.wire import codec
from tests.support.case_life import CONTINUES_D, Step, does
from tests.support.risk_messages import TOPICS
from tests.support.told import HOUR_MS, INVENTORY, routes

ROUTES = routes(
    {"channels": ["ops", "pager"], "repeat_h": 6.0, "escalations": [{"after_h": 3.0, "channels": ["boss"]}]},
    {"channels": ["mail"], "quiet": "20:00-06:00", "group_by": "site"},
    {"channels": ["mail"], "digest": "day"},
)
_KINDS = {News: codec.CASE_NEWS, Beat: codec.BEAT, Silence: codec.SILENCE, Report: codec.REPORT}
_PAUSES_H = (0.0, 0.1, 1.0, 7.0, 24.0, 80.0)


@dataclass(frozen=True)
class Ended:
    """An attempt at one of the parcels that wait then ends, the ``number``-th from the start again."""

    number: int
    sent: bool
    time_ms: int


@dataclass
class Offered:
    """A courier that keeps what it is offered, by a process whose beats count from its start."""

    parcels: list[Parcel] = field(default_factory=list)
    by: str = "us"
    number: int = 0

    def offer(self, parcels: Sequence[Parcel]) -> None:
        """Keep the newest offer."""
        self.parcels = list(parcels)


class Delivering:
    """A stage of delivery by itself."""

    def __init__(self) -> None:
        self.courier = Offered()
        make_plan = lambda: Plan(ROUTES, INVENTORY)  # noqa: E731
        self.stage = DeliveryStage(TOPICS, make_plan, self.courier, self.courier)
        self.delta, self.restore, self.restored = self.stage.delta, self.stage.restore, self.stage.restored

    def act(self, step: News | Beat | Silence | Ended) -> object:
        """Process one message; return what is on record, offered and waiting."""
        move = self._report(step) if isinstance(step, Ended) else step
        if move is None:
            return None
        self.courier.parcels = []
        message = Incoming(TOPICS.notices, 0, 0, b"", msgspec.json.encode(move), _KINDS[type(move)])
        said = list(self.stage.process([message]))
        waiting = sorted(self.stage.plan.outbox.waiting, key=lambda parcel: parcel.key)
        return said, self.courier.parcels, waiting

    def _report(self, step: Ended) -> Report | None:
        waiting = sorted(self.stage.plan.outbox.waiting, key=lambda parcel: parcel.key)
        if not waiting:
            return None
        parcel = waiting[step.number % len(waiting)]
        return Report(parcel.key, parcel.attempts + 1, sent=step.sent, time_ms=step.time_ms)


def told_of(life: Sequence[Step], seed: int) -> list[Any]:
    """Return what comes to the stage while cases live, with a clock that goes on between."""
    chance, book, steps, now_ms = random.Random(seed), CaseBook(CONTINUES_D * DAY_MS), list[Any](), DAY_MS
    for move in life:
        change = does(book, move)[1]
        if change.case is not None:
            steps.append(News(case=change.case, entries=change.entries))
        for _ in range(chance.randrange(4)):
            now_ms += int(chance.choice(_PAUSES_H) * HOUR_MS)
            steps.append(_between(chance, now_ms, len(steps)))
    return steps


def _between(chance: random.Random, now_ms: int, number: int) -> Beat | Silence | Ended:
    kind = chance.random()
    if kind < 0.6:
        return Beat(by="us", number=number + 1, time_ms=now_ms)
    if kind < 0.9:
        return Ended(chance.randrange(9), chance.random() < 0.6, now_ms)
    until_ms = now_ms + chance.choice([0, 5, 200]) * HOUR_MS
    return Silence(id=chance.choice("xy"), who="ann", time_ms=now_ms, until_ms=until_ms, machines=("a",))
