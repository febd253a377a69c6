from __future__ import annotations

from chillcast.pipeline.letter_watch import LetterWatch
from streams.stage import Incoming
from streams.wire import codec


def letter(reason: str) -> Incoming:
    content = codec.letter(Incoming("telemetry", 1, 7, b"a", b"x", ""), reason)
    out = codec.dead_letter("dead-letters", content)
    return Incoming(out.topic, 1, 0, out.key, out.value, out.content_type)


def test_the_first_of_each_reason_is_an_alarm_whatever_its_names_and_numbers() -> None:
    said: list[str] = []
    watch = LetterWatch(said.append, lambda: 0.0)
    watch.take([letter("asset 'a': 3 rows"), letter("asset 'b': 4 rows"), letter("empty message")])
    assert said == [
        "dead letter of telemetry/1: asset 'a': 3 rows",
        "dead letter of telemetry/1: empty message",
    ]


def test_how_many_came_is_said_once_a_minute_and_not_if_none_came() -> None:
    said: list[str] = []
    now = [0.0]
    watch = LetterWatch(said.append, lambda: now[0])
    watch.take([letter("empty message")] * 3)
    now[0] = 59.0
    watch.take([letter("empty message")])
    assert len(said) == 1
    now[0] = 61.0
    watch.take([])
    assert said[1:] == ["4 dead letters in 61 s (form 4): see chillcast dead-letters list"]
    now[0] = 200.0
    watch.take([])
    assert len(said) == 2
