"""What is said of residuals that moved, in words and units; and of findings that come late."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.event_time import DAY_MS
from models.features.schema import FeatureSchema
from models.telemetry.samples import Event, Float32
from streams.records import Drift
from streams.stages.drift_reports import DriftReports
from tests.support.watched_fleet import EXPECTATION, watched

SCHEMA = FeatureSchema(watched(), "x")
ASSETS = tuple(f"a{i}" for i in range(42))


def site(asset: str) -> tuple[str, ...]:
    return (f"site:{int(asset[1:]) % 3}",)


@pytest.fixture
def reports() -> DriftReports:
    return DriftReports(SCHEMA, site, 7 * DAY_MS, ("maintenance",))


def vector(rng: np.random.Generator, **moved: float) -> Float32:
    """Return a window with the residuals of its last day."""
    out = np.zeros(len(SCHEMA), np.float32)
    for key in ("s0", "gap", "s2"):
        out[SCHEMA.names.index(f"{key}_residual.{day()}.mean")] = rng.normal(0, 0.1) + moved.get(key, 0.0)
    return out


def day() -> str:
    """Return the name of the window next to a day."""
    found = dict.fromkeys(name.split(".")[1] for name in SCHEMA.names if name.startswith("s0_residual."))
    return [window for window in found if f"s0_residual.{window}.mean" in SCHEMA.names][2]


def lived(reports: DriftReports, begin: int, end: int, **moved: float) -> list[Drift]:
    """Return what is said while the machines of one site, or one alone, have moved."""
    rng, said = np.random.default_rng(begin), list[Drift]()
    alone = moved.pop("alone", 0.0)
    for day in range(begin, end):
        for asset in ASSETS:
            is_moved = asset == "a3" if alone else site(asset) == ("site:1",)
            reports.observe_day(asset, day * DAY_MS, vector(rng, **(moved if is_moved else {})))
        said += reports.advance(day * DAY_MS, EXPECTATION)
    return said


def test_what_moved_at_a_site_is_said_in_the_units_of_the_sensor_with_its_machines_and_its_effect(
    reports: DriftReports,
) -> None:
    assert lived(reports, 1, 60) == []
    (said,) = lived(reports, 60, 63, gap=0.75)
    assert (said.detector, said.cause, said.sensor, said.segment) == ("fleet", "population", "gap", "site:1")
    assert said.value == pytest.approx(1.5, abs=0.3)  # a deviation is 2 K
    assert said.deviations == pytest.approx(0.75, abs=0.15)
    assert (said.unit, said.time_ms, said.asset) == ("K", 61 * DAY_MS, "")
    assert said.wasserstein == pytest.approx(1.5, abs=0.3)
    assert said.psi > 0.5
    assert said.ks > 0.5
    assert said.machines == sorted(ASSETS[1::3])[:20]
    assert said.text.startswith("gap of 14 machines of site:1 reads 1.")
    assert said.text.endswith(
        " K more than it did, beside what it should, and that of the others does not: new "
        "firmware, a recalibration, another model?"
    )


def test_a_relative_point_moves_by_a_share_and_one_by_itself_is_the_instrument(
    reports: DriftReports,
) -> None:
    lived(reports, 1, 60)
    (said,) = lived(reports, 60, 65, s2=-3.0, alone=1.0)
    assert (said.cause, said.asset, said.sensor, said.segment, said.unit) == ("sensor", "a3", "s2", "", "1")
    share = f"{abs(said.value):.0%}"
    assert said.text.startswith(
        f"s2 of a3 reads {share} less than it did, beside what it should, and nothing"
    )


def test_what_moves_with_it_is_named(reports: DriftReports) -> None:
    lived(reports, 1, 60)
    said = lived(reports, 60, 65, s2=3.0, s0=3.0, alone=1.0)
    assert [one.cause for one in said] == ["machine"]
    assert said[0].text.endswith((", s0 with it: the machine changes", ", s2 with it: the machine changes"))


def test_without_an_expectation_at_hand_it_is_said_in_deviations(reports: DriftReports) -> None:
    lived(reports, 1, 60)
    rng = np.random.default_rng(1)
    said = list[Drift]()
    for day in (60, 61):
        for asset in ASSETS:
            reports.observe_day(asset, day * DAY_MS, vector(rng, s0=2.0))
        said += reports.advance(day * DAY_MS, None)
    assert [(one.cause, one.unit, one.value == one.deviations) for one in said] == [("season", "sd", True)]


def test_work_on_a_machine_and_a_shutdown_let_it_begin_anew(reports: DriftReports) -> None:
    lived(reports, 1, 40)
    for number, kind in enumerate(("maintenance", "shutdown")):
        assert reports.remember(f"a{number}")[2]
        assert list(reports.event(Event(1, f"a{number}", kind), 40 * DAY_MS)) == []
        assert not reports.remember(f"a{number}")[2]
    assert list(reports.event(Event(1, "a3", "override"), 40 * DAY_MS)) == []
    assert reports.remember("a3")[2]


def test_findings_that_come_later_than_labels_are_said_to(reports: DriftReports) -> None:
    found = [Event(day * DAY_MS, "a1", "finding", "confirmed") for day in range(5)]
    said = [one for event in found for one in reports.event(event, event.time_ms + 30 * DAY_MS)]
    assert [(one.cause, one.value, one.unit) for one in said] == [("label-delay", 30.0, "d")]
    assert said[0].text == "findings come 30 days after machines were looked at: labels take 7"


def test_a_fleet_without_expectations_says_nothing() -> None:
    bare = replace(watched(), expectation=(), rules=())
    reports = DriftReports(FeatureSchema(bare), site, 7 * DAY_MS, ())
    reports.observe_day("a1", DAY_MS, np.zeros(len(FeatureSchema(bare)), np.float32))
    assert list(reports.advance(DAY_MS, None)) == []
    assert reports.remember("a1") == ([], 0, b"")
