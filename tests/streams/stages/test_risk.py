"""The risk stage message by message, without a broker."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.event_time import DAY_MS
from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.fleet.alerting import Alerting
from models.registry.promotion import CHALLENGER
from models.telemetry.samples import Event, Float32
from streams.records import DeadLetter, Drift, Watermark
from streams.stage import Incoming, Outgoing
from streams.stages.risk import RiskStage
from streams.wire import codec
from tests.support.model_pools import Held, divided
from tests.support.risk_messages import (
    HOUR_MS,
    START_MS,
    TOPICS,
    alerts,
    arrive,
    days_of,
    scores,
    trip,
    watermark,
    window,
)
from tests.support.toy_model import Trained, fleet, trained


@pytest.fixture(scope="module")
def toy() -> Trained:
    """A model whose risk rises with s0; its threshold parts hot windows from calm ones."""
    found = trained(fleet())
    calm, hot = found.model.score(np.stack([found.vector(), found.vector(s0=2.5)]))[:, -1].tolist()
    assert hot > 4 * calm
    return replace(found, model=replace(found.model, threshold=(calm * hot) ** 0.5))


def stage_of(toy: Trained, alerting: Alerting | None = None) -> RiskStage:
    fleet = replace(toy.fleet, alerting=alerting) if alerting else toy.fleet
    pool = Held()
    pool.promote("3", toy.model)
    return RiskStage(fleet, TOPICS, toy.schema, pool)


@pytest.fixture
def stage(toy: Trained) -> RiskStage:
    return stage_of(toy)


def feed(stage: RiskStage, *incoming: Incoming) -> list[Outgoing]:
    return list(stage.process(incoming))


def test_scores_are_the_models_bit_for_bit(toy: Trained, stage: RiskStage) -> None:
    vectors = {"a": toy.vector(s0=1.0), "b": toy.vector(s1=1.0)}
    (found,) = scores(feed(stage, window(toy, 1, vectors)))
    assert found.risk.tobytes() == toy.model.score(np.stack(list(vectors.values()))).tobytes()
    assert (found.model, found.assets, found.horizons_d) == ("3", ("a", "b"), toy.fleet.horizons_d)


def test_before_any_label_the_adapted_risk_is_the_champions(toy: Trained, stage: RiskStage) -> None:
    (found,) = scores(feed(stage, window(toy, 1, {"a": toy.vector(s0=1.0)})))
    np.testing.assert_allclose(found.adapted, found.risk[:, -1], rtol=1e-9)


def adapted_after(stage: RiskStage, toy: Trained, *, tripped: bool) -> float:
    """Return the adapted risk after forty days on which the same machine tripped, or did not, each day."""
    for day in range(40):
        feed(stage, *days_of(toy, [24 * day]))
        if tripped:
            feed(stage, trip(24 * day + 1))
        feed(stage, watermark(24 * day + 2))
    return float(scores(feed(stage, *days_of(toy, [24 * 40 + 1])))[0].adapted[0])


def test_the_adapted_risk_follows_the_labels_and_the_champions_stays(toy: Trained) -> None:
    calm = float(toy.model.score(toy.vector()[None, :])[0, -1])
    assert (
        adapted_after(stage_of(toy), toy, tripped=True)
        > calm
        > adapted_after(stage_of(toy), toy, tripped=False)
    )


def test_a_label_teaches_when_its_horizon_has_passed_and_not_before(toy: Trained, stage: RiskStage) -> None:
    feed(stage, *days_of(toy, [0]), watermark(7 * 24 - 1))
    assert len(stage.adaptation.pending) == 1
    feed(stage, watermark(7 * 24))
    assert len(stage.adaptation.pending) == 0
    assert stage.adaptation.layer.adapted("a").intercept < 0


def test_only_one_window_a_day_is_a_lesson(toy: Trained, stage: RiskStage) -> None:
    feed(stage, *days_of(toy, range(1, 49)))
    assert len(stage.adaptation.pending) == 2


def test_a_case_opens_with_its_explanation(toy: Trained, stage: RiskStage) -> None:
    opened = alerts(feed(stage, *days_of(toy, [1, 2, 3, 4], s0=2.5)))
    assert [(a.stage, a.asset, a.time_ms) for a in opened] == [("open", "a", START_MS + 3 * HOUR_MS)]
    (alert,) = opened
    assert alert.case == f"a-{START_MS + 3 * HOUR_MS}"
    assert (alert.sensors[0].key, alert.sensors[0].value, alert.fault) == ("s0", 2.5, "fouling")
    assert alert.text.startswith("Likely stop")
    assert alert.risk >= alert.threshold == toy.model.threshold
    assert (alert.model, alert.horizon_d) == ("3", 7.0)


def test_an_open_case_is_explained_again_once_a_day(toy: Trained, stage: RiskStage) -> None:
    found = alerts(feed(stage, *days_of(toy, range(1, 50), s0=2.5)))
    assert [(a.stage, (a.time_ms - START_MS) // HOUR_MS) for a in found] == [
        ("open", 3),
        ("update", 24),
        ("update", 48),
    ]
    assert len({a.case for a in found}) == 1


def test_an_update_says_how_urgent_it_is_now_and_every_alert_when(toy: Trained) -> None:
    warm, hot = (toy.vector(s0=s0) for s0 in (1.0, 2.5))
    stage = stage_of(
        replace(toy, model=replace(toy.model, threshold=float(toy.model.score(warm[None])[0, -1])))
    )
    said = feed(
        stage, *[window(toy, hour, {"a": warm}) for hour in (18, 20, 22)], window(toy, 24, {"a": hot})
    )
    opened, update = alerts(said)
    assert (opened.stage, opened.severity, update.stage, update.severity) == (
        "open",
        "warning",
        "update",
        "critical",
    )
    for alert in (opened, update):
        assert alert.from_d is not None
        assert alert.to_d is not None
        assert 0 < alert.from_d <= alert.to_d <= 7


def test_a_case_closes_when_its_risk_has_gone_for_two_days(toy: Trained, stage: RiskStage) -> None:
    feed(stage, *days_of(toy, [1, 2, 3], s0=2.5))
    found = alerts(feed(stage, *days_of(toy, range(4, 4 + 48))))
    assert {one.stage for one in found} <= {"update"}
    (closed,) = alerts(feed(stage, *days_of(toy, [4 + 48])))
    assert (closed.stage, closed.reason, closed.opened_ms) == ("closed", "cleared", START_MS + 3 * HOUR_MS)
    assert stage.cases.open == {}


def test_a_shutdown_closes_the_case_of_its_machine_alone(toy: Trained, stage: RiskStage) -> None:
    hot = {"a": toy.vector(s0=2.5), "b": toy.vector(s0=2.5)}
    feed(stage, *(window(toy, hour, hot) for hour in (1, 2, 3)))
    (closed,) = alerts(feed(stage, trip(4, "a")))
    assert (closed.asset, closed.reason, closed.time_ms) == ("a", "event", START_MS + 4 * HOUR_MS)
    assert list(stage.cases.open) == ["b"]


@pytest.mark.parametrize("kind", ["cycling", "maintenance", "restart", "override"])
def test_other_events_close_nothing(toy: Trained, stage: RiskStage, kind: str) -> None:
    feed(stage, *days_of(toy, [1, 2, 3], s0=2.5))
    assert feed(stage, trip(4, kind=kind)) == []
    assert list(stage.cases.open) == ["a"]


def test_a_shutdown_of_a_machine_never_seen_says_nothing(stage: RiskStage) -> None:
    assert feed(stage, trip(4, "stranger")) == []


def test_a_corrected_window_is_scored_again_but_decides_nothing(toy: Trained, stage: RiskStage) -> None:
    hot = {"a": toy.vector(s0=2.5)}
    outputs = feed(stage, *(window(toy, 1, hot, revision) for revision in range(5)))
    assert [s.revision.tolist() for s in scores(outputs)] == [[0], [1], [2], [3], [4]]
    assert alerts(outputs) == []


def test_windows_outcomes_and_watermarks_that_are_written_twice_change_nothing(toy: Trained) -> None:
    """Without transactions a features worker that took over writes again what its predecessor has written."""
    days = [
        [
            window(toy, 24 * day, {"a": toy.vector(s0=2.5 * (day % 9 > 4)), "b": toy.vector()}),
            watermark(24 * day),
        ]
        for day in range(1, 40)
    ]
    days[9:9] = [[trip(24 * 9 + 1)]]
    log = [message for day in days for message in day]
    once = [feed(stage, message) for stage in [stage_of(toy)] for message in log]
    stage, said = stage_of(toy), []
    for i, message in enumerate(log):
        again = [out for old in log[max(i - 7, 0) : i] for out in feed(stage, old)]
        assert {out.content_type for out in again} <= {codec.WATERMARK}
        said.append(feed(stage, message))
    assert said == once
    assert {a.stage for a in alerts(out for part in once for out in part)} == {"open", "update", "closed"}


def test_a_share_of_the_fleet_is_alerted_when_the_watermark_has_passed(toy: Trained) -> None:
    stage = stage_of(toy, Alerting(horizon_d=7.0, daily_share=0.5))
    cohort = {"a": toy.vector(), "b": toy.vector(s0=2.5)}
    assert alerts(feed(stage, window(toy, 24, cohort))) == []
    outputs = feed(stage, watermark(24))
    assert [(a.asset, a.stage) for a in alerts(outputs)] == [("b", "open")]
    assert outputs[-1].content_type == codec.WATERMARK


def test_a_watermark_is_passed_on_after_all_it_leads_to(stage: RiskStage) -> None:
    (passed,) = feed(stage, watermark(5, end=True))
    assert passed.topic == "t.scores"
    assert codec.decode_json(passed.value, Watermark) == Watermark(START_MS + 5 * HOUR_MS, True)


def test_a_lasting_change_of_the_scores_is_reported_as_drift(toy: Trained, stage: RiskStage) -> None:
    outputs = []
    for day in range(120):
        rising = 2.5 if day > 60 else 0.0
        outputs += feed(stage, *days_of(toy, [24 * day], s0=rising))
    signals = [codec.decode_json(o.value, Drift) for o in outputs if o.topic == "t.drift"]
    assert signals
    assert (signals[0].detector, signals[0].asset) == ("adwin", "a")
    assert signals[0].time_ms > START_MS + 60 * DAY_MS
    assert signals[0].value > 0
    assert re.fullmatch(r"the level of the risk moved from \d+\.\d\d% to \d+\.\d\d%", signals[0].text)


def test_a_case_is_explained_in_words_and_null_stands_for_a_number_that_is_not_known(
    toy: Trained, stage: RiskStage
) -> None:
    vector = toy.vector(s0=2.5)
    vector[toy.schema.index("s0", "7d", "mean")] = np.nan
    (alert,) = alerts(feed(stage, *(window(toy, hour, {"a": vector}) for hour in (1, 2, 3))))
    reason = next(s for s in alert.sensors if s.key == "s0")
    assert (reason.value, reason.said) == (2.5, "2 K")
    assert (reason.baseline, reason.usual) == (None, "")


def raw(value: bytes | None, content_type: str) -> Incoming:
    return Incoming("t.features", 0, 7, b"a", value, content_type)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (raw(None, codec.WINDOWS), "empty message"),
        (raw(b"\x81", codec.WINDOWS), "not a WindowBlock"),
        (raw(b"{", codec.EVENT), "not a Event"),
        (raw(b'{"time_ms": -5}', codec.WATERMARK), "time_ms -5"),
        (raw(b"{}", codec.SCORES), "content-type .*: expected one of"),
    ],
)
def test_whatever_makes_no_sense_becomes_a_dead_letter(
    stage: RiskStage, message: Incoming, reason: str
) -> None:
    (out,) = feed(stage, message)
    letter = codec.decode_json(out.value, DeadLetter)
    assert out.topic == "t.dead-letters"
    assert re.search(reason, letter.reason)
    assert letter.offset == 7


def test_windows_of_another_feature_schema_are_refused(toy: Trained, stage: RiskStage) -> None:
    other = FeatureSchema(toy.fleet, "another expectation").fingerprint
    record = Windows(
        ("a",), np.zeros(1, np.int32), np.array([START_MS]), np.zeros(1, np.int32), toy.vector()[None, :]
    )
    (out,) = feed(stage, arrive(codec.windows("t.features", record, slice(None), other)))
    assert f"fingerprint {other!r}" in codec.decode_json(out.value, DeadLetter).reason


def test_a_window_of_another_width_is_refused(toy: Trained, stage: RiskStage) -> None:
    record = Windows(
        ("a",),
        np.zeros(1, np.int32),
        np.array([START_MS]),
        np.zeros(1, np.int32),
        np.ones((1, 2), np.float32),
    )
    (out,) = feed(stage, arrive(codec.windows("t.features", record, slice(None), toy.schema.fingerprint)))
    reason = codec.decode_json(out.value, DeadLetter).reason
    assert reason == f"values: 2 features a window: expected {len(toy.schema)}"


def test_two_stages_that_see_the_same_log_say_the_same_bytes(toy: Trained) -> None:
    log = [*days_of(toy, range(1, 30), s0=2.5), trip(30), watermark(31), *days_of(toy, range(32, 300))]
    assert feed(stage_of(toy), *log) == feed(stage_of(toy), *log)


@pytest.fixture(scope="module")
def stranger() -> Trained:
    """A model of another kind of machine, on which s1 tells what s0 tells on the others."""
    return trained(fleet(), (0.0, 2.0, 0.0))


def test_each_machine_is_scored_by_its_segments_model_which_the_score_names(
    toy: Trained, stranger: Trained, tmp_path: Path
) -> None:
    pool = Held()
    models = pool.promote("3", divided(toy.model, stranger.model, tmp_path / "p")).models
    stage = RiskStage(toy.fleet, TOPICS, toy.schema, pool)
    vectors = {"b": toy.vector(s0=1.0), "a": toy.vector(s1=1.0), "c": toy.vector(s1=1.0)}
    rows = np.stack(list(vectors.values()))
    (found,) = scores(feed(stage, window(toy, 1, vectors)))
    assert found.scored_by == ("fleet", "model:X", "fleet")
    assert found.risk[[0, 2]].tobytes() == toy.model.score(rows[[0, 2]]).tobytes()
    assert found.risk[1].tobytes() == replace(stranger.model, lines=()).score(rows[[1]]).tobytes()
    batch = models.score(found.assets, found.asset, rows)
    assert found.risk.tobytes() == batch.tobytes()
    assert stage.counts().scored == {"fleet": 2, "model": 1}
    assert stage.counts().scored == {}


def test_a_case_is_explained_by_the_model_that_scored_it(
    toy: Trained, stranger: Trained, tmp_path: Path
) -> None:
    pool = Held()
    pool.promote("3", divided(replace(toy.model, threshold=0.2), stranger.model, tmp_path / "p"))
    stage = RiskStage(toy.fleet, TOPICS, toy.schema, pool)
    hot = {"a": toy.vector(s0=2.5, s1=2.5), "b": toy.vector(s0=2.5, s1=2.5)}
    opened = {a.asset: a for a in alerts(feed(stage, *(window(toy, hour, hot) for hour in (1, 2, 3))))}
    assert {asset: a.sensors[0].key for asset, a in opened.items()} == {"a": "s1", "b": "s0"}


def test_the_shadow_of_a_set_names_its_members_too(toy: Trained, stranger: Trained, tmp_path: Path) -> None:
    pool = Held()
    pool.promote("1", toy.model)
    pool.promote("2", divided(toy.model, stranger.model, tmp_path / "p"), CHALLENGER)
    stage = RiskStage(toy.fleet, TOPICS, toy.schema, pool)
    stage.before_batch(7, seen=False)
    said = scores(feed(stage, window(toy, 1, {"a": toy.vector(), "b": toy.vector()})))
    assert [(s.model, s.scored_by) for s in said] == [("1", ("fleet",) * 2), ("2", ("model:X", "fleet"))]


def silenced(toy: Trained, *kept: str, **means: float) -> Float32:
    """Return a window in which only the sensors ``kept`` have values."""
    vector = toy.vector(**means)
    lost = [i for i, name in enumerate(toy.schema.names) if name.partition(".")[0] not in kept]
    vector[lost] = np.nan
    return vector


def test_of_a_window_that_stands_on_too_little_no_risk_is_said(toy: Trained, stage: RiskStage) -> None:
    vectors = {"a": toy.vector(s0=1.0), "b": silenced(toy, "s2")}
    (found,) = scores(feed(stage, window(toy, 24, vectors)))
    assert found.evidence is not None
    assert found.evidence[0] == 1.0
    assert found.evidence[1] < 0.3
    assert np.isnan(found.risk[1]).all()
    assert np.isnan(found.adapted[1])
    assert np.isfinite(found.risk[0]).all()
    assert (stage.counts().unsaid, stage.counts().unsaid) == (1, 0)
    assert len(stage.adaptation.pending) == 1


def test_a_window_without_a_risk_neither_opens_nor_clears_a_case(toy: Trained, stage: RiskStage) -> None:
    blind = [window(toy, hour, {"a": silenced(toy, "s2")}) for hour in range(5, 125)]
    opened = alerts(feed(stage, *days_of(toy, [1, 2, 3, 4], s0=2.5)))
    assert [a.stage for a in opened] == ["open"]
    assert alerts(feed(stage, *blind)) == []
    assert stage.cases.open["a"].name == opened[0].case
    (closed,) = alerts(feed(stage, trip(126)))
    assert (closed.stage, closed.risk) == ("closed", opened[0].risk)


def test_another_floor_of_the_fleet_file_says_every_risk(toy: Trained) -> None:
    alerting = replace(toy.fleet.alerting, least_evidence=0.0)
    (found,) = scores(feed(stage_of(toy, alerting), window(toy, 1, {"a": silenced(toy, "s2")})))
    assert np.isfinite(found.risk).all()


def test_the_end_of_a_day_says_what_every_sensor_read_and_what_is_usual(
    toy: Trained, stage: RiskStage
) -> None:
    vector = toy.vector(s0=2.5)
    vector[toy.schema.index("s0", "7d", "sd")] = 0.25
    first, day, corrected = scores(
        feed(
            stage,
            window(toy, 23, {"a": vector}),
            window(toy, 24, {"a": vector, "b": toy.vector()}),
            window(toy, 24, {"b": toy.vector(s1=9.0)}, revision=1),
        )
    )
    assert first.readings is None
    assert day.readings is not None
    assert (day.readings.window.tolist(), day.readings.sensors) == ([0, 1], ("s0", "s1", "s2"))
    assert day.readings.value[0].tolist() == [2.5, 0.0, 0.0]
    assert (day.readings.usual[0, 0], day.readings.spread[0, 0]) == (1.0, 0.25)
    assert corrected.readings is not None
    assert corrected.readings.value[0].tolist() == [0.0, 9.0, 0.0]


def adapting(toy: Trained) -> RiskStage:
    """Return a stage whose policy looks at adapted risks once they win, by labels after a day."""
    return stage_of(toy, replace(toy.fleet.alerting, horizon_d=1.0))


def lived(stage: RiskStage, toy: Trained, days: range, *, trips: bool) -> list[Outgoing]:
    """Return what is said of thirty calm machines that all trip each day, or never do."""
    calm, said = {f"m{i:02}": toy.vector() for i in range(30)}, list[Outgoing]()
    for day in days:
        said += feed(stage, window(toy, 24 * day, calm))
        if trips:
            said += feed(stage, *(trip(24 * day + 1, name) for name in calm))
        said += feed(stage, watermark(24 * day + 2))
    return said


def drifts(said: list[Outgoing]) -> list[Drift]:
    return [codec.decode_json(o.value, Drift) for o in said if o.topic == "t.drift"]


def test_the_adapted_risk_decides_while_it_wins_and_both_turns_are_on_record(toy: Trained) -> None:
    stage = adapting(toy)
    rising = lived(stage, toy, range(70), trips=True)
    (taken,) = [d for d in drifts(rising) if d.detector == "adaptation"]
    assert (taken.segment, taken.asset) == ("fleet", "")
    assert taken.value > 0
    assert taken.text.startswith("the adapted risk decides for fleet: log-loss ")
    (opened,) = alerts(
        feed(
            stage,
            window(toy, 24 * 70 + 1, {"new": toy.vector()}),
            window(toy, 24 * 70 + 2, {"new": toy.vector()}),
            window(toy, 24 * 70 + 3, {"new": toy.vector()}),
        )
    )
    assert opened.risk > opened.threshold > float(toy.model.score(toy.vector()[None, :])[0, -1])
    (back,) = [
        d for d in drifts(lived(stage, toy, range(71, 200), trips=False)) if d.detector == "adaptation"
    ][:1]
    assert back.text.startswith("the champion decides again for fleet: ")


def test_while_the_champion_decides_alerts_are_its_own_whatever_was_learnt(toy: Trained) -> None:
    stage = adapting(toy)
    lived(stage, toy, range(6), trips=True)
    assert stage.adaptation.layer.adapted("new").intercept > 0.1
    assert alerts(feed(stage, *(window(toy, 24 * 6 + i, {"new": toy.vector()}) for i in range(1, 5)))) == []


def test_a_fault_that_people_confirmed_is_a_label_and_work_leaves_none(toy: Trained) -> None:
    def learnt(*events: Incoming) -> float:
        stage = stage_of(toy)
        feed(stage, *days_of(toy, [0]), *events, watermark(7 * 24))
        return stage.adaptation.layer.adapted("a").intercept

    confirmed = arrive(codec.event("t.features", Event(START_MS + HOUR_MS, "a", "finding", "confirmed")))
    assert learnt() < 0
    assert learnt(confirmed) > 0
    assert learnt(trip(5, kind="maintenance")) == 0
    assert (
        learnt(arrive(codec.event("t.features", Event(START_MS + HOUR_MS, "a", "finding", "no-fault-found"))))
        == learnt()
    )
