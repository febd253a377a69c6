"""What every store promises. Run over the embedded store, and over a real InfluxDB 2 server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from models.cases.book import CaseBook
from models.event_time import DAY_MS
from models.telemetry.samples import Event
from streams.kafka.topics import Topics
from streams.records import Drift
from streams.stage import Incoming, Outgoing
from streams.stages.sink import SinkStage
from streams.stores.case_points import case_point, entry_point, read_case, read_entry
from streams.stores.store import Point, Row, Store
from streams.wire import codec
from tests.support.case_life import asks, signal, told
from tests.support.stores import STORES, opened

HOUR_MS = 3_600_000
NOW_MS = 1_767_225_600_000


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return opened(request, tmp_path)


def score(asset: str, hour: int, risk: float) -> Point:
    return Point("scores", {"asset": asset}, {"risk_7d": risk, "model": "3"}, NOW_MS + hour * HOUR_MS)


def test_an_empty_store_has_no_rows(store: Store) -> None:
    assert list(store.latest("scores")) == []
    assert list(store.history("scores", "CH-1", 0, NOW_MS)) == []


def test_nothing_is_written_before_the_flush(store: Store) -> None:
    store.add([score("CH-1", 0, 0.1)])
    assert list(store.latest("scores")) == []
    assert store.flush().written == 1
    assert len(store.latest("scores")) == 1
    assert store.flush().written == 0


def test_latest_is_the_newest_row_of_each_series(store: Store) -> None:
    store.add([score("CH-1", 1, 0.2), score("CH-1", 0, 0.1), score("CH-2", 0, 0.3)])
    store.flush()
    found = {row.tags["asset"]: (row.time_ms, row.fields["risk_7d"]) for row in store.latest("scores")}
    assert found == {"CH-1": (NOW_MS + HOUR_MS, 0.2), "CH-2": (NOW_MS, 0.3)}


def test_history_is_half_open_and_in_order_of_time(store: Store) -> None:
    store.add([score("CH-1", hour, hour / 10) for hour in (3, 0, 2, 1)] + [score("CH-2", 1, 0.9)])
    store.flush()
    rows = store.history("scores", "CH-1", NOW_MS, NOW_MS + 3 * HOUR_MS)
    assert [row.fields["risk_7d"] for row in rows] == [0.0, 0.1, 0.2]
    assert list(store.history("scores", "CH-1", NOW_MS, NOW_MS)) == []


def test_the_same_series_and_time_overwrites_and_fields_merge(store: Store) -> None:
    store.add([score("CH-1", 0, 0.1)])
    store.flush()
    store.add([Point("scores", {"asset": "CH-1"}, {"risk_7d": 0.5, "adapted": 0.4}, NOW_MS)])
    store.flush()
    (row,) = store.latest("scores")
    assert row.fields == {"risk_7d": 0.5, "adapted": 0.4, "model": "3"}


def test_a_case_is_the_newest_of_its_versions_also_within_one_flush(store: Store) -> None:
    book = CaseBook(DAY_MS)
    points = []
    for step in (signal("open", 20_000), asks("acknowledge", 1), asks("unacknowledge", 2)):
        points += [entry_point(entry) for entry in told(book, step)]
        case = book.remember("a").case
        assert case is not None
        points.append(case_point(case))
    store.add(points[:2])
    store.flush()
    store.add(points[2:])
    store.flush()
    (row,) = store.latest("cases")
    assert read_case(row) == case
    assert (row.fields["revision"], row.fields["acknowledged_by"]) == (3.0, "")
    rows = store.history("case_history", "a", 0, 30_000 * DAY_MS)
    assert {read_entry(r).kind for r in rows} == {"opened", "acknowledged", "unacknowledged"}


def test_series_differ_by_any_tag(store: Store) -> None:
    for stage in ("open", "closed"):
        store.add([Point("alerts", {"asset": "CH-1", "stage": stage}, {"risk": 0.5}, NOW_MS)])
    store.flush()
    assert {row.tags["stage"] for row in store.latest("alerts")} == {"open", "closed"}


def test_whole_numbers_come_back_as_floats(store: Store) -> None:
    store.add([Point("scores", {"asset": "CH-1"}, {"risk_7d": 1, "adapted": 0.0}, NOW_MS)])
    store.flush()
    (row,) = store.latest("scores")
    assert row.fields == {"risk_7d": 1.0, "adapted": 0.0}
    assert all(isinstance(value, float) for value in row.fields.values())


@pytest.mark.parametrize(
    "name", ["CH 1", "a,b=c", 'quo"te', "späße 机", "${x}", "back\\slash", "o'neil", "tab\tbed"]
)
def test_any_printable_name_and_text_comes_back_as_it_was(store: Store, name: str) -> None:
    store.add([Point("alerts", {"asset": name}, {"text": f"{name}\nline two", "fault": ""}, NOW_MS)])
    assert store.flush().rejected == ()
    (row,) = store.history("alerts", name, 0, NOW_MS + 1)
    assert row.tags == {"asset": name}
    assert row.fields == {"text": f"{name}\nline two", "fault": ""}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Point("scores", {"asset": "CH-1"}, {"risk_7d": float("nan")}, NOW_MS), "finite"),
        (Point("scores", {"asset": "CH-1"}, {"risk_7d": float("-inf")}, NOW_MS), "finite"),
        (Point("scores", {"asset": ""}, {"risk_7d": 0.1}, NOW_MS), "empty"),
        (Point("scores", {"asset": "CH\n1"}, {"risk_7d": 0.1}, NOW_MS), "line break"),
        (Point("scores", {"asset": "CH\\"}, {"risk_7d": 0.1}, NOW_MS), "backslash"),
        (Point("scores", {"asset": "x" * 70_000}, {"risk_7d": 0.1}, NOW_MS), "60000"),
        (Point("scores", {"asset": "CH-1", "time": "5"}, {"risk_7d": 0.1}, NOW_MS), "reserved"),
        (Point("scores", {"asset": "CH-1"}, {}, NOW_MS), "no field"),
    ],
)
def test_one_bad_point_among_475_is_refused_alone_and_with_its_reason(
    store: Store, bad: Point, reason: str
) -> None:
    good = [score(f"CH-{i}", 0, 0.1) for i in range(474)]
    store.add([*good[:200], bad, *good[200:]])
    flushed = store.flush()
    assert flushed.written == 474
    assert [r.point for r in flushed.rejected] == [bad]
    assert reason in flushed.rejected[0].reason
    assert len(store.latest("scores")) == 474


def test_more_points_than_one_batch_are_all_written(store: Store) -> None:
    store.add([score(f"CH-{i % 7}", i, 0.1) for i in range(12_000)])
    assert store.flush().written == 12_000
    assert len(store.history("scores", "CH-0", 0, NOW_MS * 2)) == 1_715


def test_latest_before_a_time_is_the_newest_row_of_each_series_that_has_an_earlier_one(store: Store) -> None:
    far_ms = 7_258_114_800_000
    store.add([score("CH-1", hour, hour / 10) for hour in range(3)])
    store.add([Point("scores", {"asset": name}, {"risk_7d": 0.9}, far_ms) for name in ("CH-1", "CH-2")])
    store.flush()
    assert {r.tags["asset"]: r.time_ms for r in store.latest("scores")} == {"CH-1": far_ms, "CH-2": far_ms}
    (row,) = store.latest("scores", before_ms=far_ms)
    assert (row.tags["asset"], row.fields["risk_7d"]) == ("CH-1", 0.2)
    (row,) = store.latest("scores", before_ms=NOW_MS + HOUR_MS)
    assert row.time_ms == NOW_MS


def test_a_store_that_tells_its_version_tells_another_after_each_flush(store: Store) -> None:
    told = [store.version()]
    for hour in range(3):
        store.add([score("CH-1", hour, 0.1)])
        store.flush()
        told += [store.version(), store.version()]
    if told[0] is not None:
        assert told[1::2] == told[2::2]
        assert len(set(told)) == 4
    else:
        assert set(told) == {None}


TOPICS = Topics()


def sunk(store: Store, *sent: tuple[int, Outgoing]) -> None:
    """Let a sink write messages, each from the partition named before it."""
    stage = SinkStage(store, TOPICS)
    incoming = [
        Incoming(out.topic, partition, i, out.key, out.value, out.content_type)
        for i, (partition, out) in enumerate(sent)
    ]
    assert list(stage.process(incoming)) == []
    assert list(asyncio.run(stage.flush())) == []


def drift(detector: str, asset: str = "", sensor: str = "") -> Outgoing:
    text = f"{detector} {asset} {sensor}"
    signal = Drift(detector=detector, time_ms=NOW_MS, value=0.5, text=text, asset=asset, sensor=sensor)
    return codec.drift(TOPICS.drift, signal)


def test_machines_that_fall_silent_together_are_as_many_points(store: Store) -> None:
    sunk(store, *[(i % 2, drift("silent", f"CH-{i}")) for i in range(6)])
    assert {row.tags["asset"] for row in store.latest("drift")} == {f"CH-{i}" for i in range(6)}
    (own,) = store.history("drift", "CH-3", NOW_MS, NOW_MS + 1)
    assert own.fields == {"value": 0.5, "text": "silent CH-3 "}


def test_sensors_that_die_together_are_as_many_points(store: Store) -> None:
    sunk(store, *[(0, drift("missing", f"CH-{i}", f"flow_{j}")) for i in range(2) for j in range(5)])
    found = {(row.tags["asset"], row.tags["sensor"]) for row in store.latest("drift")}
    assert found == {(f"CH-{i}", f"flow_{j}") for i in range(2) for j in range(5)}


def test_what_two_partitions_say_of_one_sensor_are_two_points(store: Store) -> None:
    sunk(store, *[(partition, drift("quality", sensor="flow_1")) for partition in (0, 1)])
    assert len(store.latest("drift")) == 2


def test_two_codes_at_one_instant_are_two_events(store: Store) -> None:
    codes = ("high-condenser-pressure", "low-oil-pressure", "")
    sunk(
        store,
        *[(0, codec.event(TOPICS.events, Event(NOW_MS, "CH-1", "shutdown", code))) for code in codes],
    )
    rows = store.history("events", "CH-1", NOW_MS, NOW_MS + 1)
    assert {row.tags.get("code", "") for row in rows} == set(codes)


def test_what_is_written_twice_stays_one_point(store: Store) -> None:
    sent = [
        (0, drift("silent", "CH-1")),
        (0, codec.event(TOPICS.events, Event(NOW_MS, "CH-1", "shutdown", "surge"))),
    ]
    sunk(store, *sent)
    sunk(store, *sent)
    assert [len(store.latest(name)) for name in ("drift", "events")] == [1, 1]


def test_points_from_before_codes_were_tags_are_read_beside_new_ones(store: Store) -> None:
    store.add([Point("events", {"asset": "CH-1", "kind": "shutdown"}, {"code": "surge"}, NOW_MS - 1)])
    sunk(store, (0, codec.event(TOPICS.events, Event(NOW_MS, "CH-1", "shutdown", "surge"))))
    old, new = store.history("events", "CH-1", 0, NOW_MS + 1)
    assert old == Row(NOW_MS - 1, {"asset": "CH-1", "kind": "shutdown"}, {"code": "surge"})
    assert new == Row(NOW_MS, {"asset": "CH-1", "kind": "shutdown", "code": "surge"}, {"count": 1.0})
