"""What the stage of cases says: cases and their histories, replies, outcomes, dead letters."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from models.cases.book import Answer
from models.cases.case import Case, Entry
from models.cases.people import Command
from models.cases.stops import PlannedStop, StopCommand
from models.delivery.notice import News
from models.event_time import DAY_MS
from streams.kafka.topics import Topics
from streams.records import Alert, CaseOutcome, DeadLetter
from streams.stage import Incoming, Outgoing
from streams.stages.alert_relay import AlertRelay
from streams.stages.case_desk import CaseDesk
from streams.wire import codec
from tests.support.case_life import asks, plans
from tests.support.sunk import NOON_MS, OPEN

TOPICS = Topics("t.")
KINDS: dict[type, str] = {Alert: codec.ALERT, StopCommand: codec.STOP_COMMAND}


def moved(*moves: Alert | Command | StopCommand | bytes, partition: int = 0) -> list[Incoming]:
    """Messages of the topic of commands."""
    out = []
    for offset, move in enumerate(moves):
        kind = KINDS.get(type(move), codec.CASE_COMMAND)
        value = move if isinstance(move, bytes) else msgspec.json.encode(move)
        out.append(Incoming(TOPICS.case_commands, partition, offset, b"a", value, kind))
    return out


def read(said: Sequence[Outgoing], topic: str) -> list[Any]:
    kinds = {
        codec.CASE: Case,
        codec.CASE_ENTRY: Entry,
        codec.CASE_REPLY: Answer,
        codec.CASE_OUTCOME: CaseOutcome,
        codec.PLANNED_STOP: PlannedStop,
        codec.DEAD_LETTER: DeadLetter,
    }
    return [msgspec.json.decode(m.value, type=kinds[m.content_type]) for m in said if m.topic == topic]


@pytest.fixture
def desk() -> CaseDesk:
    return CaseDesk(TOPICS, 1, 14.0)


def test_an_alert_opens_a_case_and_its_history(desk: CaseDesk) -> None:
    said = list(desk.process(moved(OPEN)))
    assert [(m.topic, m.key) for m in said] == [
        (TOPICS.cases, b"a-1/1"),
        (TOPICS.cases, b"a-1"),
        (TOPICS.notices, b"a-1"),
    ]
    entry, case = read(said, TOPICS.cases)
    assert (entry.kind, entry.who, entry.notifies) == ("opened", "", True)
    assert (case.version, case.evidence.fault, case.evidence.sensors) == (1, "fouling", (OPEN.sensors[0],))


def test_news_of_every_machine_go_to_one_partition_with_their_entries() -> None:
    desk = CaseDesk(TOPICS, 1, 14.0)
    said = list(desk.process(moved(OPEN, asks("acknowledge", 1))))
    sent = [m for m in said if m.topic == TOPICS.notices]
    news = [codec.decode_notices(m.value, m.content_type) for m in sent]
    assert {m.partition for m in sent} == {0}
    assert [[e.kind for e in n.entries] for n in news if isinstance(n, News)] == [
        ["opened"],
        ["acknowledged"],
    ]


def test_newer_evidence_is_a_newer_case_without_an_entry(desk: CaseDesk) -> None:
    update = replace(OPEN, stage="update", time_ms=NOON_MS + 1, risk=0.6)
    said = list(desk.process(moved(OPEN, update)))
    *_, case = read(said, TOPICS.cases)
    assert (len(said), case.version, case.evidence.risk) == (5, 1, 0.6)


def test_who_asks_is_answered_with_the_case_as_it_is(desk: CaseDesk) -> None:
    said = list(desk.process(moved(OPEN, asks("acknowledge", 1, id="x"), asks("assign", 1, assignee="bob"))))
    accepted, refused = read(said, TOPICS.case_replies)
    assert (accepted.id, accepted.accepted, accepted.version) == ("x", True, 2)
    assert (refused.accepted, refused.reason) == (False, "version 1 is stale: the case is at 2")
    assert refused.case == accepted.case
    assert refused.case.acknowledged.who == "ann"


def test_what_is_sent_twice_is_answered_twice_and_done_once(desk: CaseDesk) -> None:
    command = asks("acknowledge", 1)
    said = list(desk.process(moved(OPEN, command, command)))
    first, again = read(said, TOPICS.case_replies)
    assert first == again
    assert [e.kind for e in read(said, TOPICS.cases) if isinstance(e, Entry)] == ["opened", "acknowledged"]


def test_what_was_found_is_a_label_of_its_own(desk: CaseDesk) -> None:
    command = asks("resolve", 1, outcome="confirmed", cause="scale", downtime_h=2.0, parts="tubes")
    (found,) = read(list(desk.process(moved(OPEN, command))), TOPICS.outcomes)
    assert (found.outcome, found.is_label, found.mode, found.suspected) == (
        "confirmed",
        True,
        "fouling",
        "fouling",
    )
    assert (found.case, found.version, found.cause, found.downtime_h) == ("a-1", 2, "scale", 2.0)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "not a Command in JSON"),
        (b'{"id":"x","asset":"a","action":"explode"}', "Invalid enum value 'explode'"),
        (msgspec.json.encode(asks("resolve", 1)), "resolve: outcome = None: expected what was found"),
        (msgspec.json.encode(asks("comment", 1, text="x" * 5000)), "length <= 4000"),
    ],
)
def test_what_makes_no_sense_is_a_dead_letter_with_its_reason(
    desk: CaseDesk, value: bytes, reason: str
) -> None:
    (letter,) = read(list(desk.process(moved(value))), TOPICS.dead_letters)
    assert reason in letter.reason


def test_a_command_on_the_partition_of_another_machine_is_refused() -> None:
    desk = CaseDesk(TOPICS, 4, 14.0)
    said = [list(desk.process(moved(asks("reopen", 1), partition=p))) for p in range(4)]
    letters = [letter for one in said for letter in read(one, TOPICS.dead_letters)]
    assert len(letters) == 3
    assert "belongs to" in letters[0].reason


def test_how_messages_are_cut_into_batches_changes_nothing(desk: CaseDesk) -> None:
    moves = moved(OPEN, asks("acknowledge", 1), replace(OPEN, stage="closed", reason="event"))
    other = CaseDesk(TOPICS, 1, 14.0)
    one_by_one = list(itertools.chain.from_iterable(other.process([m]) for m in moves))
    assert list(desk.process(moves)) == one_by_one


def test_alerts_are_passed_on_byte_for_byte_with_their_machine_as_key() -> None:
    value = msgspec.json.encode(OPEN)
    (passed,) = AlertRelay(TOPICS).process([Incoming(TOPICS.alerts, 0, 7, b"a", value, codec.ALERT)])
    assert (passed.topic, passed.key, passed.value) == (TOPICS.case_commands, b"a", value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stage": "begun"}, "stage 'begun': expected one of open, update, closed"),
        ({"time_ms": 0}, "time_ms 0: expected milliseconds"),
        ({"opened_ms": -5}, "opened_ms -5: expected milliseconds"),
        ({"asset": ""}, "asset '': expected 1 to 128 characters"),
    ],
)
def test_an_alert_that_can_move_no_case_is_a_dead_letter(changes: dict[str, Any], reason: str) -> None:
    value = msgspec.json.encode(replace(OPEN, **changes))
    (said,) = AlertRelay(TOPICS).process([Incoming(TOPICS.alerts, 0, 7, b"a", value, codec.ALERT)])
    (letter,) = read([said], TOPICS.dead_letters)
    assert reason in letter.reason


def test_a_planned_stop_goes_to_people_to_labels_and_to_who_asked(desk: CaseDesk) -> None:
    noon_d = NOON_MS / DAY_MS
    said = list(desk.process(moved(plans(noon_d - 1, noon_d + 1, day=noon_d - 2))))
    assert [(m.topic, m.key) for m in said] == [
        (TOPICS.cases, b"a/stop/p1"),
        (TOPICS.outcomes, b"a/stop/p1"),
        (TOPICS.case_replies, b"a"),
    ]
    (answer,) = read(said, TOPICS.case_replies)
    assert (answer.accepted, answer.stop) == (True, read(said, TOPICS.outcomes)[0])
    entry, case = read(list(desk.process(moved(OPEN))), TOPICS.cases)
    assert (entry.text, case.stop_at(NOON_MS).plan) == ("held: planned stop", "p1")


def test_an_open_case_hears_of_a_stop_in_the_same_commit(desk: CaseDesk) -> None:
    noon_d = NOON_MS / DAY_MS
    said = list(desk.process(moved(OPEN, plans(noon_d + 1, noon_d + 2, day=noon_d))))
    news = [codec.decode_notices(m.value, m.content_type) for m in said if m.topic == TOPICS.notices]
    assert isinstance(news[-1], News)
    assert [stop.plan for stop in news[-1].case.stops] == ["p1"]
    assert [entry.kind for entry in news[-1].entries] == ["stop-planned"]


def test_a_stop_that_makes_no_sense_is_a_dead_letter_and_stops_nothing(desk: CaseDesk) -> None:
    noon_d = NOON_MS / DAY_MS
    (letter,) = read(list(desk.process(moved(plans(noon_d + 1, noon_d, day=noon_d)))), TOPICS.dead_letters)
    assert "until_ms" in letter.reason
    assert desk.book.remember("a").stops == ()
