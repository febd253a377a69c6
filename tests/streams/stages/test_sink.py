"""What reaches the store, and what happens while it does not answer."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.event_time import DAY_MS
from models.risk.explanation import Cause, Mode, Reason
from models.telemetry.samples import Event
from streams.records import DeadLetter, Drift, Watermark
from streams.stage import Incoming, Remembering
from streams.stages.sink import SinkStage, alert_points, drift_point, event_point, score_points
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Flushed, Point, Rejection, Sink
from streams.wire import codec
from tests.support.damage import damaged_store
from tests.support.small_disk import SmallDisk
from tests.support.sunk import NOON_MS, OPEN, REASON, TOPICS, FakeSink, arrive, scores, settled

SCORES = arrive(codec.scores(TOPICS.scores, scores()))


def test_each_score_is_a_point_with_its_horizons_as_fields() -> None:
    first, second = score_points(scores())
    risk = float(scores().risk[0, 1])
    assert (first.measurement, first.tags, first.time_ms) == ("scores", {"asset": "a"}, NOON_MS)
    own = {
        "risk_1d": 0.1,
        "risk_7d": risk,
        "adapted": risk,
        "model": "3",
        "scored_by": "fleet",
        "revision": 0.0,
        "evidence": 1.0,
    }
    assert first.fields == own
    assert second.fields["risk_7d"] == pytest.approx(0.8)


def test_of_a_window_without_a_risk_the_evidence_is_written_and_of_an_earlier_version_no_evidence() -> None:
    none = np.full((2, 2), np.nan)
    unsaid = replace(scores(), risk=none, adapted=none[:, 0], evidence=np.array([0.1, 0.0]))
    found = [point.fields for point in score_points(unsaid)]
    assert [fields["evidence"] for fields in found] == [0.1, 0.0]
    assert not {"risk_1d", "risk_7d", "adapted"} & set(found[0])
    assert "evidence" not in next(iter(score_points(replace(scores(), evidence=None)))).fields


def test_an_opened_case_is_an_alert_and_its_explanation() -> None:
    sink = FakeSink()
    assert settled(SinkStage(sink, TOPICS), arrive(codec.alert(TOPICS.alerts, OPEN))) == []
    alert, explanation = sink.written
    assert alert.tags == {"asset": "a", "severity": "critical", "stage": "open"}
    assert (alert.fields["case"], alert.fields["risk"], alert.fields["opened_ms"]) == ("a-1", 0.5, NOON_MS)
    assert msgspec.json.decode(str(explanation.fields["sensors"]), type=list[Reason]) == [REASON]
    assert (explanation.measurement, explanation.tags) == ("explanations", {"asset": "a"})


def test_causes_and_modes_are_plain_text() -> None:
    said = msgspec.structs.replace(OPEN, causes=[Cause("surge", 0.623456)], modes=[Mode("a leak", 0.5)])
    fields = alert_points(said)[0].fields
    assert (fields["causes"], fields["modes"]) == ("surge 0.6235", "a leak 0.5")


def test_the_days_of_a_case_are_fields_if_they_were_said() -> None:
    for days, written in (((1.5, 9.0), {"from_d": 1.5, "to_d": 9.0}), ((None, None), {})):
        said = msgspec.structs.replace(OPEN, from_d=days[0], to_d=days[1])
        fields = alert_points(said)[0].fields
        assert {name: fields[name] for name in ("from_d", "to_d") if name in fields} == written


def test_an_update_is_an_explanation_only() -> None:
    sink, update = FakeSink(), msgspec.structs.replace(OPEN, stage="update")
    settled(SinkStage(sink, TOPICS), arrive(codec.alert(TOPICS.alerts, update)))
    assert [p.measurement for p in sink.written] == ["explanations"]


def drift(detector: str = "quality", asset: str = "", sensor: str = "") -> Drift:
    return Drift(detector=detector, time_ms=NOON_MS, value=0.5, text="half", asset=asset, sensor=sensor)


def test_what_drift_is_about_are_tags_and_nothing_else_is() -> None:
    of_machine = drift_point(drift(detector="adwin", asset="a"), 1)
    assert (of_machine.tags, of_machine.fields) == (
        {"detector": "adwin", "asset": "a"},
        {"value": 0.5, "text": "half"},
    )
    of_sensor = drift_point(drift(detector="stuck", asset="a", sensor="s0"), 1)
    assert of_sensor.tags == {"detector": "stuck", "asset": "a", "sensor": "s0"}


def test_what_drift_says_of_all_machines_it_says_of_those_of_a_partition() -> None:
    assert drift_point(drift(sensor="s0"), 3).tags == {
        "detector": "quality",
        "sensor": "s0",
        "partition": "3",
    }


def test_events_are_points_by_their_kind_and_code() -> None:
    sink, trip = FakeSink(), Event(NOON_MS, "a", "shutdown", "high-condenser-pressure")
    settled(SinkStage(sink, TOPICS), arrive(codec.event(TOPICS.events, trip)))
    tags = {"asset": "a", "kind": "shutdown", "code": "high-condenser-pressure"}
    assert sink.written == [Point("events", tags, {"count": 1.0}, NOON_MS)]
    assert event_point(Event(NOON_MS, "a", "restart", "")).tags == {"asset": "a", "kind": "restart"}


def place(point: Point) -> tuple[object, ...]:
    """Return what two points must not share unless one is to replace the other."""
    return point.measurement, tuple(sorted(point.tags.items())), point.time_ms


WORDS = st.text('abc=, \\"', min_size=1, max_size=3)
EVENTS = st.builds(Event, st.sampled_from([1, 2]), WORDS, WORDS, WORDS | st.just(""))
DRIFTS = st.tuples(
    st.builds(
        Drift,
        detector=WORDS,
        time_ms=st.sampled_from([1, 2]),
        value=st.just(1.0),
        text=st.just(""),
        asset=WORDS | st.just(""),
        sensor=WORDS | st.just(""),
    ),
    st.sampled_from([0, 1]),
)


@given(EVENTS, EVENTS)
def test_different_events_never_share_a_point(one: Event, other: Event) -> None:
    assert (place(event_point(one)) == place(event_point(other))) == (one == other)


@given(DRIFTS, DRIFTS)
def test_different_signals_never_share_a_point(one: tuple[Drift, int], other: tuple[Drift, int]) -> None:
    """A machine stays on its partition: which one that is adds nothing."""
    same = one[0] == other[0] and (bool(one[0].asset) or one[1] == other[1])
    assert (place(drift_point(*one)) == place(drift_point(*other))) == same


def test_watermarks_of_a_day_overwrite_one_point_of_their_partition() -> None:
    sink = FakeSink()
    marks = [Watermark(NOON_MS), Watermark(NOON_MS + 1, end=True)]
    settled(SinkStage(sink, TOPICS), *(arrive(codec.watermark(TOPICS.scores, m)) for m in marks))
    assert [(p.tags, p.time_ms % DAY_MS) for p in sink.written] == [({"partition": "1"}, 0)] * 2
    assert sink.written[-1].fields == {"time_ms": NOON_MS + 1.0, "end": 1.0}


def test_nothing_is_settled_before_the_store_has_it() -> None:
    sink = FakeSink()
    stage = SinkStage(sink, TOPICS)
    assert list(stage.process([SCORES])) == []
    assert (len(sink.waiting), sink.written) == (2, [])
    asyncio.run(stage.flush())
    assert len(sink.written) == 2


def test_a_store_that_does_not_answer_is_tried_again_with_an_alarm_and_nothing_is_lost(
    pauses: list[float],
) -> None:
    alarms: list[str] = []
    sink = FakeSink(failures=7)
    assert settled(SinkStage(sink, TOPICS, alarms.append), SCORES) == []
    assert len(sink.written) == 2
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert alarms[0] == "store http://here: connection refused; nothing is lost, next try in 1 s"
    assert len(alarms) == 7


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Let pauses pass at once, and something happen in the first of them."""

    def happens(what: Callable[[], object]) -> None:
        acts = iter([what])

        async def pause(_: float) -> None:
            next(acts, int)()

        monkeypatch.setattr(asyncio, "sleep", pause)

    return happens


Meanwhile = Callable[[Callable[[], object]], None]


def test_a_store_that_another_process_has_locked_is_waited_for_with_an_alarm(
    tmp_path: Path, meanwhile: Meanwhile
) -> None:
    store, other = SqliteStore(tmp_path / "store.db", busy_s=0.1), sqlite3.connect(tmp_path / "store.db")
    other.execute("BEGIN IMMEDIATE")
    meanwhile(other.rollback)
    alarms: list[str] = []
    assert settled(SinkStage(store, TOPICS, alarms.append), SCORES) == []
    (alarm,) = alarms
    assert alarm.endswith("store.db: database is locked; nothing is lost, next try in 1 s")
    assert {row.tags["asset"] for row in store.latest("scores")} == {"a", "b"}


def test_a_disk_that_is_full_is_waited_for_with_an_alarm(small_disk: SmallDisk, meanwhile: Meanwhile) -> None:
    store = SqliteStore(small_disk.folder / "store.db")
    many = [codec.scores(TOPICS.scores, scores(tuple(f"{i}-{j}" for j in range(50)))) for i in range(200)]
    small_disk.fill(leave_bytes=100_000)
    meanwhile(small_disk.make_room)
    alarms: list[str] = []
    assert settled(SinkStage(store, TOPICS, alarms.append), *map(arrive, many)) == []
    (alarm,) = alarms
    assert alarm.endswith("store.db: database or disk is full; nothing is lost, next try in 1 s")
    assert len(store.latest("scores")) == 10_000
    assert store.check(within_s=60.0)


def test_a_damaged_store_is_an_alarm_and_its_successor_gets_every_point(
    tmp_path: Path, meanwhile: Meanwhile
) -> None:
    path = damaged_store(tmp_path / "store.db")
    store, away = SqliteStore(path), tmp_path / "away"
    away.mkdir()
    meanwhile(lambda: [file.rename(away / file.name) for file in tmp_path.glob("store.db*")])
    alarms: list[str] = []
    sent = [codec.scores(TOPICS.scores, scores(tuple(f"CH-{i}" for i in range(50))))]
    stage = SinkStage(store, TOPICS, alarms.append)
    store.add(
        Point("scores", {"asset": f"CH-{i}"}, {"risk_7d": 0.2}, ms) for i in range(50) for ms in range(200)
    )
    assert settled(stage, *map(arrive, sent)) == []
    (alarm,) = alarms
    assert "store.db: damaged: database disk image is malformed; move store.db, " in alarm
    assert store.check(within_s=60.0)
    assert len(store.history("scores", "CH-7", 0, 10**15)) == 201


def test_after_an_outage_the_pauses_start_anew(pauses: list[float]) -> None:
    sink = FakeSink(failures=3)
    stage = SinkStage(sink, TOPICS, lambda _: None)
    settled(stage, SCORES)
    sink.failures = 1
    settled(stage, SCORES)
    assert pauses == [1, 2, 4, 1]


def test_a_message_of_which_the_store_refuses_a_point_is_a_dead_letter_and_the_others_are_kept() -> None:
    sink = FakeSink(refused="b")
    (out,) = settled(SinkStage(sink, TOPICS), arrive(codec.watermark(TOPICS.scores, Watermark(5))), SCORES)
    letter = codec.decode_json(out.value, DeadLetter)
    assert out.topic == "t.dead-letters"
    assert letter == codec.letter(SCORES, "store refused 1 of 2 points: out of bounds")
    assert [p.tags.get("asset") for p in sink.written] == [None, "a"]


def test_a_dead_letter_that_is_sent_again_is_written_once_the_store_takes_it() -> None:
    sink = FakeSink(refused="b")
    stage = SinkStage(sink, TOPICS)
    (out,) = settled(stage, SCORES)
    letter, sink.refused = codec.decode_json(out.value, DeadLetter), ""
    again = Incoming(letter.topic, 1, 99, None, base64.b64decode(letter.payload), letter.content_type)
    assert settled(stage, again) == []
    assert [p.tags["asset"] for p in sink.written] == ["a", "a", "b"]


def test_a_dead_letter_says_each_reason_once_and_the_next_batch_is_not_blamed() -> None:
    @dataclass
    class Strict(FakeSink):
        def flush(self) -> Flushed:
            taken, self.waiting = self.waiting, []
            return Flushed(0, tuple(Rejection(p, f"no {p.tags['asset'][0]}") for p in taken))

    stage = SinkStage(Strict(), TOPICS)
    (out,) = settled(stage, arrive(codec.scores(TOPICS.scores, scores(("a1", "a2", "b1", "b2")))))
    reason = codec.decode_json(out.value, DeadLetter).reason
    assert reason == "store refused 4 of 4 points: no a; no b"
    stage.sink = FakeSink()
    assert settled(stage, SCORES) == []


def test_points_refused_for_good_are_an_alarm_and_at_most_one_a_minute() -> None:
    alarms: list[str] = []
    now_s = [0.0]
    stage = SinkStage(FakeSink(refused="b"), TOPICS, alarms.append, lambda: now_s[0])
    for at_s in (0.0, 1.0, 59.0, 60.0):
        now_s[0] = at_s
        settled(stage, SCORES, SCORES)
    assert alarms == [
        "the store refused 2 points, see the dead letters: out of bounds",
        "the store refused 6 points, see the dead letters: out of bounds",
    ]


def test_what_was_refused_is_said_after_the_last_refusal_too() -> None:
    alarms: list[str] = []
    now_s, sink = [0.0], FakeSink(refused="b")
    stage = SinkStage(sink, TOPICS, alarms.append, lambda: now_s[0])
    settled(stage, SCORES)
    settled(stage, SCORES)
    sink.refused, now_s[0] = "", 60.0
    settled(stage, SCORES)
    assert len(alarms) == 2


def test_a_score_that_is_no_number_is_refused_by_the_real_store(tmp_path: Path) -> None:
    broken = scores()
    broken.adapted[1] = np.nan
    store = SqliteStore(tmp_path / "store.db")
    (out,) = settled(SinkStage(store, TOPICS), arrive(codec.scores(TOPICS.scores, broken)))
    assert "field adapted = nan" in codec.decode_json(out.value, DeadLetter).reason
    assert [row.tags["asset"] for row in store.latest("scores")] == ["a"]
    store.close()


@pytest.mark.parametrize("topic", [TOPICS.scores, TOPICS.alerts, TOPICS.drift, TOPICS.events])
@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"{}"])
def test_whatever_makes_no_sense_becomes_a_dead_letter(topic: str, value: bytes | None) -> None:
    sink = FakeSink()
    (out,) = settled(SinkStage(sink, TOPICS), Incoming(topic, 1, 9, b"a", value, "text/plain"))
    letter = codec.decode_json(out.value, DeadLetter)
    assert (letter.topic, letter.offset, sink.written) == (topic, 9, [])


def test_it_remembers_nothing_so_that_no_history_is_written_again() -> None:
    sink: Sink = FakeSink()
    assert not isinstance(SinkStage(sink, TOPICS), Remembering)
