"""What is read of either store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.event_time import DAY_MS
from models.telemetry.samples import Event
from streams.page.doubts import read_doubts
from streams.page.views import Overview, read_machine, read_overview
from streams.stages.sink import event_point
from streams.stores.case_query import CaseQuery, find_cases
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point, Store
from tests.support.case_life import asks
from tests.support.case_store import LedCases
from tests.support.page import FLEET, HOUR_MS, NEWEST_MS, START_MS, fill, lead, said, score
from tests.support.stores import STORES, opened

FAR_H = 1_500_000  # 171 years


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    found = opened(request, tmp_path)
    fill(found)
    lead(found)
    return found


def add(store: Store, *points: Point) -> None:
    store.add(points)
    assert store.flush().rejected == ()


def overview(store: Store, arrival_ms: int = NEWEST_MS) -> Overview:
    return read_overview(store, FLEET, arrival_ms)


def silent(seen: Overview) -> set[str]:
    return {name for name, machine in seen.machines.items() if machine.is_silent}


@pytest.mark.parametrize("arrival_ms", [NEWEST_MS, NEWEST_MS + 300 * DAY_MS])
def test_a_machine_whose_clock_says_2199_is_named_and_nobody_else_is_concerned(
    store: Store, arrival_ms: int
) -> None:
    before = overview(store, arrival_ms)
    add(store, score("CH-0004", FAR_H, 0.99))
    seen = overview(store, arrival_ms)
    assert [(m.asset, m.clock_ms) for m in seen.wrong_clocks] == [("CH-0004", START_MS + FAR_H * HOUR_MS)]
    assert seen.time.now_ms == before.time.now_ms == NEWEST_MS
    assert silent(seen) == silent(before) == {"CH-0009"}
    mended = {name: (m.risk, m.as_of_ms, m.case) for name, m in seen.machines.items()}
    assert mended == {name: (m.risk, m.as_of_ms, m.case) for name, m in before.machines.items()}


def test_what_could_not_be_used_in_the_last_day_is_told_the_newest_first(store: Store) -> None:
    def refused(reason: str, time_ms: int) -> Point:
        return Point("dead_letters", {"reason": reason, "partition": "0"}, {"text": reason}, time_ms)

    add(
        store, refused("time", NEWEST_MS), refused("form", NEWEST_MS + 1), refused("late", NEWEST_MS - DAY_MS)
    )
    assert overview(store).refused == [(NEWEST_MS + 1, "form"), (NEWEST_MS, "time")]


def test_a_machine_that_never_had_a_right_clock_shows_what_it_sent(store: Store) -> None:
    add(store, score("CH-0007", FAR_H, 0.7), score("CH-0007", FAR_H - 1, 0.6))
    LedCases(store).hear(said("CH-0007", "open", FAR_H, opened_ms=START_MS + FAR_H * HOUR_MS))
    machine = overview(store).machines["CH-0007"]
    assert (machine.risk, machine.is_silent) == (0.7, False)
    assert machine.clock_ms == machine.as_of_ms == START_MS + FAR_H * HOUR_MS
    assert machine.case is not None
    shown = read_machine(store, FLEET, overview(store), machine, 7)
    assert [risk for _, risk, _ in shown["scores"]] == [0.6, 0.7]


def test_a_case_of_2199_is_not_shown_and_hides_none_of_before(store: Store) -> None:
    add(store, score("CH-0002", FAR_H, 0.9), score("CH-0003", FAR_H, 0.9))
    for asset in ("CH-0002", "CH-0003"):
        LedCases(store).hear(said(asset, "open", FAR_H, "critical", opened_ms=START_MS + FAR_H * HOUR_MS))
    seen = overview(store)
    known = seen.machines["CH-0002"].case
    assert known is not None
    assert (known.severity, known.opened_ms) == ("warning", START_MS)
    assert seen.machines["CH-0003"].case is None
    assert seen.threshold == 0.4


def test_a_case_that_got_worse_is_shown_as_it_stands_now_with_who_has_it(store: Store) -> None:
    led = lead(store)
    until_ms = NEWEST_MS + 2 * DAY_MS
    worse = {"from_ms": NEWEST_MS + DAY_MS, "until_ms": until_ms, "risk": 0.9, "fault": "oil leak"}
    led.hear(said("CH-0002", "update", 99, "critical", **worse))
    led.ask(asks("assign", led.version("CH-0002"), asset="CH-0002", case="CH-0002-1", assignee="Bob"))
    machines = overview(store).machines
    case = machines["CH-0002"].case
    assert case == find_cases(store, CaseQuery(NEWEST_MS, words="ch-0002"))[1][0]
    assert (case.severity, case.evidence.until_ms, case.evidence.fault) == ("critical", until_ms, "oil leak")
    assert case.assigned is not None
    assert next(iter(machines)) == "CH-0002"


def test_a_case_that_somebody_resolved_is_no_longer_on_the_list(store: Store) -> None:
    led = lead(store)
    done: dict[str, Any] = {
        "asset": "CH-0002",
        "case": "CH-0002-1",
        "outcome": "no-fault-found",
        "as_of_ms": NEWEST_MS,
    }
    assert led.ask(asks("resolve", led.version("CH-0002"), **done)).accepted
    assert overview(store).machines["CH-0002"].case is None


def test_the_chart_of_a_machine_ends_now_whatever_another_clock_says(store: Store) -> None:
    add(store, score("CH-0004", FAR_H, 0.99))
    seen = overview(store)
    shown = read_machine(store, FLEET, seen, seen.machines["CH-0002"], 7)
    assert len(shown["scores"]) == 100
    assert shown["clock_ms"] is None


def test_a_replay_whose_watermark_is_known_believes_the_few_that_go_on(store: Store) -> None:
    add(store, score("CH-0002", 24 * 50, 0.2))
    seen = overview(store, NEWEST_MS + 300 * DAY_MS)
    assert [m.asset for m in seen.wrong_clocks] == ["CH-0002"]
    end_ms = START_MS + 50 * DAY_MS
    add(store, Point("watermarks", {"partition": "0"}, {"time_ms": float(end_ms), "end": 0.0}, end_ms))
    seen = overview(store, NEWEST_MS + 300 * DAY_MS)
    assert (list(seen.wrong_clocks), seen.time.now_ms) == ([], end_ms)


def test_a_case_of_before_there_were_fields_to_ask_for_is_left_out_as_on_the_list_of_cases(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "s.db")
    add(store, score("CH-0001", 0, 0.1), Point("cases", {"asset": "CH-0001"}, {"case": "x"}, START_MS))
    assert overview(store, START_MS).machines["CH-0001"].case is None


def test_events_that_came_together_are_all_shown_and_one_in_both_forms_once(store: Store) -> None:
    ms = START_MS + 60 * HOUR_MS
    add(store, *[event_point(Event(ms, "CH-0003", "shutdown", code)) for code in ("surge", "low-oil")])
    add(store, Point("events", {"asset": "CH-0003", "kind": "shutdown"}, {"code": "surge"}, ms))
    seen = overview(store)
    shown = read_machine(store, FLEET, seen, seen.machines["CH-0003"], 90)
    assert sorted(shown["events"]) == [(ms, "shutdown", "low-oil"), (ms, "shutdown", "surge")]


def test_a_machine_says_on_how_much_its_score_stands_and_has_no_risk_if_none_is_said(store: Store) -> None:
    at_ms, of_known = NEWEST_MS + 1, score("CH-0002", 0, 0.2).fields
    unsaid = Point("scores", {"asset": "CH-0001"}, {"evidence": 0.1, "model": "3"}, at_ms)
    told = Point("scores", {"asset": "CH-0002"}, {**of_known, "evidence": 0.83}, at_ms)
    add(store, unsaid, told)
    machines = overview(store, at_ms).machines
    assert (machines["CH-0001"].risk, machines["CH-0001"].evidence) == (None, 0.1)
    assert (machines["CH-0002"].risk, machines["CH-0002"].evidence) == (0.2, 0.83)
    assert machines["CH-0003"].evidence is None


def test_what_moved_has_its_class_and_a_machine_that_changes_is_no_bad_sensor(store: Store) -> None:
    for cause, sensor in (("sensor", "oil_temp"), ("machine", "bearing_temp")):
        tags = {"asset": "CH-0002", "detector": "fleet", "sensor": sensor, "cause": cause}
        add(store, Point("drift", tags, {"text": f"{sensor} moved"}, START_MS + 96 * HOUR_MS))
    seen = overview(store, NEWEST_MS + DAY_MS)
    shown = read_machine(store, FLEET, seen, seen.machines["CH-0002"], 7)
    told = {(q["detector"], q["sensor"], q["text"]) for q in shown["quality"]}
    assert told == {
        ("sensor", "oil_temp", "oil_temp moved"),
        ("machine", "bearing_temp", "bearing_temp moved"),
    }
    assert [one.sensor for one in read_doubts(store, seen).sensors] == ["oil_temp"]


def test_a_machine_shows_its_episodes_models_horizons_and_doubts(store: Store) -> None:
    horizons = {f"risk_{h:g}d": 0.1 * h / 14 for h in FLEET.horizons_d}
    for hour, model in ((100, "3"), (101, "4")):
        fields: dict[str, float | str] = {**horizons, "adapted": 0.1, "model": model}
        add(store, Point("scores", {"asset": "CH-0002"}, fields, START_MS + hour * HOUR_MS))
    for hour in (96, 98):
        tags = {"asset": "CH-0002", "detector": "stuck", "sensor": "oil_temp"}
        add(store, Point("drift", tags, {"text": "stands still"}, START_MS + hour * HOUR_MS))
    seen = overview(store, NEWEST_MS + DAY_MS)
    shown = read_machine(store, FLEET, seen, seen.machines["CH-0002"], 7)
    assert shown["models"] == [(START_MS + 101 * HOUR_MS, "4")]
    assert shown["horizons"]["1"][-1] == pytest.approx(0.1 / 14)
    assert [(q["sensor"], q["text"], len(q["times"])) for q in shown["quality"]] == [
        ("oil_temp", "stands still", 2)
    ]
    assert shown["episodes"] == [(START_MS, None, "CH-0002-1")]
    closed = read_machine(store, FLEET, seen, seen.machines["CH-0003"], 7)
    assert closed["episodes"] == [(START_MS, START_MS + 20 * HOUR_MS, "CH-0003-1")]
    assert shown["threshold"] == 0.4
