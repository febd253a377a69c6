from __future__ import annotations

import msgspec
import pytest

from models.telemetry.samples import Event
from streams.kafka.topics import Topics
from streams.records import CaseOutcome, DeadLetter
from streams.stage import Incoming, Outgoing
from streams.stages.outcome_relay import OutcomeRelay
from streams.wire import codec

TOPICS = Topics("t.")


def outcome(found: str, *, is_label: bool = True, as_of_ms: int = 5) -> Incoming:
    about = {"case": "a-1", "asset": "a", "version": 2, "opened_ms": 1, "episode_ms": 1, "who": "ann"}
    said = {**about, "as_of_ms": as_of_ms, "time_ms": 9, "outcome": found, "is_label": is_label}
    out = codec.case_outcome(TOPICS.outcomes, msgspec.convert(said, CaseOutcome))
    return Incoming(out.topic, 1, 3, out.key, out.value, out.content_type)


def passed_on(*received: Incoming) -> list[Outgoing]:
    return list(OutcomeRelay(TOPICS).process(received))


def test_what_was_found_is_passed_on_as_an_event_of_the_machine_among_its_windows() -> None:
    (out,) = passed_on(outcome("confirmed"))
    assert (out.topic, out.key, out.content_type, out.partition) == ("t.features", b"a", codec.EVENT, None)
    assert codec.decode_features(out.value, out.content_type, "") == Event(5, "a", "finding", "confirmed")


def test_of_a_machine_that_nobody_looked_at_nothing_is_said() -> None:
    assert passed_on(outcome("not-inspected", is_label=False)) == []


@pytest.mark.parametrize("spoilt", [b"{}", b"\xff", b""])
def test_what_makes_no_sense_is_a_dead_letter_and_loses_nothing_else(spoilt: bytes) -> None:
    broken = Incoming(TOPICS.outcomes, 1, 4, b"x", spoilt, codec.CASE_OUTCOME)
    letter, event = passed_on(broken, outcome("confirmed"))
    assert (letter.topic, event.topic) == ("t.dead-letters", "t.features")
    assert codec.decode_json(letter.value, DeadLetter).offset == 4


def test_a_time_outside_of_all_time_is_refused_by_its_name() -> None:
    (letter,) = passed_on(outcome("confirmed", as_of_ms=-1))
    assert "event time -1" in codec.decode_json(letter.value, DeadLetter).reason
