"""The stage of delivery: what it offers when, what it puts on record, and what it remembers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import pytest

from models.cases.book import CaseBook
from models.delivery.notice import Beat, Delivery, News, Parcel, Report, Silence
from models.delivery.plan import Plan
from models.errors import StateError
from streams.kafka.topics import Topics
from streams.records import DeadLetter
from streams.stage import Incoming, Outgoing
from streams.stages.delivery import DeliveryStage
from streams.wire import codec
from tests.support.case_life import signal
from tests.support.told import INVENTORY, NOON_MS, routes

TOPICS = Topics("t.")


@dataclass
class Courier:
    """Keeps what it is offered."""

    offered: list[list[str]] = field(default_factory=list)

    def offer(self, parcels: Sequence[Parcel]) -> None:
        self.offered.append([p.key for p in parcels])


@dataclass
class Beats:
    by: str = "us"
    number: int = 3


def stage(courier: Courier | None = None, number: int = 3) -> DeliveryStage:
    made = routes({"channels": ["ops"]})
    return DeliveryStage(TOPICS, lambda: Plan(made, INVENTORY), courier or Courier(), Beats(number=number))


def came(*moves: News | Beat | Report | Silence | bytes) -> list[Incoming]:
    kinds: dict[type, str] = {
        News: codec.CASE_NEWS,
        Beat: codec.BEAT,
        Report: codec.REPORT,
        Silence: codec.SILENCE,
        bytes: codec.BEAT,
    }
    out = []
    for offset, move in enumerate(moves):
        value = move if isinstance(move, bytes) else msgspec.json.encode(move)
        out.append(Incoming(TOPICS.notices, 0, offset, b"", value, kinds[type(move)]))
    return out


def news() -> News:
    change = CaseBook(1.0).hear(signal("open", 20_000))
    assert change.case is not None
    return News(case=change.case, entries=change.entries)


def beat(number: int, by: str = "us") -> Beat:
    return Beat(by=by, number=number, time_ms=NOON_MS + 5000 * number)


def records(said: Sequence[Outgoing]) -> list[Delivery]:
    return [msgspec.json.decode(m.value, type=Delivery) for m in said if m.topic == TOPICS.deliveries]


KEY = "a-1728000000000/1/r0/1/ops"


def test_what_is_due_is_offered_at_beats_of_this_process_since_the_stage_was_opened() -> None:
    courier = Courier()
    one = stage(courier)
    list(one.process(came(news(), beat(3), beat(9, by="another"))))
    assert courier.offered == []
    list(one.process(came(beat(4))))
    assert courier.offered == [[KEY]]


def test_what_a_predecessor_has_reported_is_not_offered() -> None:
    courier = Courier()
    report = Report(KEY, 1, sent=True, time_ms=NOON_MS)
    list(stage(courier).process(came(news(), beat(2, by="late"), report, beat(4))))
    assert courier.offered == [[]]


def test_every_attempt_is_on_record() -> None:
    failed = Report(KEY, 1, sent=False, time_ms=NOON_MS, reason="away")
    sent = Report(KEY, 2, sent=True, time_ms=NOON_MS + 1)
    found = records(list(stage().process(came(news(), beat(4), failed, sent))))
    assert [(r.ending, r.attempt, r.reason, r.cases) for r in found] == [
        ("failed", 1, "away", ("a-1728000000000",)),
        ("sent", 2, "", ("a-1728000000000",)),
    ]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "not a Beat in JSON"),
        (b'{"by":"x","number":1,"time_ms":-1}', "time_ms -1: expected milliseconds"),
    ],
)
def test_what_makes_no_sense_is_a_dead_letter(value: bytes, reason: str) -> None:
    (said,) = list(stage().process(came(value)))
    assert reason in msgspec.json.decode(said.value, type=DeadLetter).reason


def test_what_is_remembered_goes_on_in_a_successor() -> None:
    first, courier = stage(), Courier()
    about = {"id": "x", "who": "ann", "time_ms": NOON_MS, "until_ms": NOON_MS * 2}
    quiet = Silence(**about, machines=("b",))  # type: ignore[arg-type]
    list(first.process(came(news(), quiet, beat(4), Report(KEY, 1, sent=False, time_ms=NOON_MS))))
    second = stage(courier, number=0)
    for key, value in first.delta():
        second.restore(key, value)
    second.restored()
    assert list(first.delta()) == list(second.delta()) == []
    assert second.plan.aside == first.plan.aside
    list(second.process(came(beat(1), beat(9))))
    assert courier.offered == [[], [KEY]]


def test_a_key_of_another_stage_is_refused() -> None:
    with pytest.raises(StateError, match="not one of this stage"):
        stage().restore(b"x1", b"")
