"""Signals with a class and weeks of scores are read back from either store as they were told."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.event_time import DAY_MS
from streams.records import Drift
from streams.stages.sink import drift_point
from streams.stores.drift_reader import named_drift, weeks
from streams.stores.store import Store
from tests.support.stores import STORES, opened

START_MS = 1_767_225_600_000
SENSOR = Drift(
    detector="fleet",
    cause="sensor",
    time_ms=START_MS + DAY_MS,
    asset="CH-1",
    sensor="evap_approach",
    value=-1.25,
    unit="K",
    deviations=-2.5,
    machines=["CH-1"],
    text="the approach of CH-1 reads 1.2 K less",
)
MANY = Drift(
    detector="fleet",
    cause="population",
    time_ms=START_MS + 2 * DAY_MS,
    sensor="evap_approach",
    segment="model=<b>X</b>",
    value=0.04,
    unit="1",
    deviations=1.5,
    psi=0.4,
    ks=0.3,
    wasserstein=0.05,
    machines=["CH-2", "CH-3"],
    text="the approach of 2 machines reads 4% more",
)
LATE = Drift(
    detector="fleet", cause="label-delay", time_ms=START_MS + 3 * DAY_MS, value=20, unit="d", text="late"
)


def worth(week: int, **given: float) -> Drift:
    told = {"value": 0.06, "estimated": 0.05, "coverage": 0.5, "age_d": 21.0, "labels": 100, **given}
    time_ms = START_MS + 7 * week * DAY_MS
    return Drift(detector="performance", time_ms=time_ms, text="a week", **told)  # type: ignore[arg-type]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return opened(request, tmp_path)


def tell(store: Store, *told: Drift, partition: int = 0) -> None:
    store.add([drift_point(one, partition) for one in told])
    assert store.flush().rejected == ()


def test_signals_with_a_class_come_back_the_oldest_first_and_others_do_not(store: Store) -> None:
    other = Drift(detector="adwin", time_ms=START_MS + DAY_MS, value=1.0, text="it moved", asset="CH-1")
    tell(store, LATE, MANY, SENSOR, other, worth(1))
    many, found = named_drift(store, START_MS, START_MS + 30 * DAY_MS)
    assert (many, [one.cause for one in found]) == (3, ["sensor", "population", "label-delay"])
    one, of_many, late = found
    assert (one.asset, one.sensor, one.said, one.machines) == ("CH-1", "evap_approach", "-1.25 K", ("CH-1",))
    assert (of_many.segment, of_many.partition, of_many.said) == ("model=<b>X</b>", "0", "+4.0%")
    assert (of_many.psi, of_many.ks, of_many.wasserstein) == (0.4, 0.3, 0.05)
    assert of_many.machines == ("CH-2", "CH-3")
    assert (late.said, late.machines) == ("+20 d", ())


def test_labels_that_are_otherwise_than_foretold_are_of_a_class_of_their_own(store: Store) -> None:
    text = "how much worse labels are moved"
    tell(store, Drift(detector="adwin-errors", time_ms=START_MS, value=0.4, text=text))
    (one,) = named_drift(store, START_MS, START_MS + 1)[1]
    assert (one.cause, one.said, one.text, one.machines) == ("performance", "+40.0%", text, ())


def test_the_newest_are_read_if_there_are_more_than_wanted(store: Store) -> None:
    tell(store, SENSOR, MANY, LATE)
    many, found = named_drift(store, START_MS, START_MS + 30 * DAY_MS, most=1)
    assert (many, [one.cause for one in found]) == (3, ["label-delay"])


def test_the_start_of_a_time_is_part_of_it_and_its_end_is_not(store: Store) -> None:
    tell(store, SENSOR, MANY)
    assert [one.cause for one in named_drift(store, SENSOR.time_ms, MANY.time_ms)[1]] == ["sensor"]


def test_signals_about_many_alone_are_read_too(store: Store) -> None:
    tell(store, MANY)
    assert [one.cause for one in named_drift(store, START_MS, START_MS + 30 * DAY_MS)[1]] == ["population"]


def test_partitions_of_a_week_count_by_their_labels(store: Store) -> None:
    tell(store, worth(1), worth(2))
    tell(store, worth(1, value=0.12, estimated=0.07, coverage=1.0, age_d=30.0, labels=50), partition=1)
    tell(store, worth(2, value=0.0, coverage=0.0, age_d=0.0, labels=0), partition=1)
    first, second = weeks(store, START_MS, START_MS + 30 * DAY_MS)
    assert first.foretold == pytest.approx(0.06)
    assert first.realised == pytest.approx((100 * 0.06 + 50 * 0.12) / 150)
    assert first.coverage == pytest.approx(150 / 250)
    assert (first.labels, first.age_d) == (150, 30.0)
    assert (second.labels, second.age_d) == (100, 21.0)
    assert second.realised == pytest.approx(0.06)


def test_a_week_without_labels_says_so(store: Store) -> None:
    tell(store, worth(1, value=0.0, coverage=0.0, age_d=0.0, labels=0))
    (week,) = weeks(store, START_MS, START_MS + 30 * DAY_MS)
    assert (week.foretold, week.realised, week.coverage, week.age_d) == (0.05, None, None, None)


def test_of_an_empty_store_nothing_is_said(store: Store) -> None:
    assert named_drift(store, START_MS, START_MS + DAY_MS) == (0, [])
    assert weeks(store, START_MS, START_MS + DAY_MS) == []
