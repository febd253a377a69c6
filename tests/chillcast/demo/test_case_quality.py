"""Cases are held against the truth: is there a fault, is it named, and do the sensors tell of it."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from chillcast.demo.case_quality import CaseQuality, case_quality
from models.fleet.knowledge import Advice
from models.risk.explanation import Mode
from simulators.truth import FaultRecord
from streams.records import Alert
from tests.support.sunk import OPEN, REASON

ADVICE = (
    Advice(fault="leak", sensors=("level", "subcooling"), check="look"),
    Advice(fault="wear", sensors=("bearing",), check="listen"),
)
MODES = {"leak": ("leak",), "wear": ("bearing",)}
FAULTS = [
    FaultRecord("a", "leak", 0, 100),
    FaultRecord("b", "bearing", 0),
    FaultRecord("c", "sensor_drift", 0),
]


def opened(asset: str, fault: str, *sensors: str, time_ms: int = 50) -> Alert:
    reasons = [replace(REASON, key=key) for key in sensors]
    modes = [Mode(fault, 0.75)] if fault else []
    changes = {"asset": asset, "fault": fault, "sensors": reasons, "time_ms": time_ms, "modes": modes}
    return msgspec.structs.replace(OPEN, **changes)


def quality(*alerts: Alert) -> CaseQuality:
    return case_quality(alerts, FAULTS, ADVICE, MODES, 0)


def test_a_case_that_names_the_fault_by_its_sensor_is_right_in_all() -> None:
    found = quality(opened("a", "leak", "level", "bearing"))
    assert found == CaseQuality(
        cases=1,
        with_a_fault=1,
        mode_named=1,
        mode_right=1,
        mode_said=0.75,
        first_sensor_plausible=1,
        any_sensor_plausible=1,
        cleared_then_tripped=0,
    )


def test_another_fault_and_a_sensor_that_comes_second_are_told_apart() -> None:
    found = quality(opened("b", "leak", "level", "bearing"), opened("b", "", time_ms=60))
    assert (found.with_a_fault, found.mode_named, found.mode_right) == (2, 1, 0)
    assert (found.first_sensor_plausible, found.any_sensor_plausible) == (0, 1)


def test_a_mended_fault_and_a_sensor_that_fails_are_no_fault_of_the_machine() -> None:
    found = quality(opened("a", "leak", "level", time_ms=100), opened("c", "leak", "level"))
    assert (found.cases, found.with_a_fault, found.any_sensor_plausible) == (2, 0, 0)


def test_it_reads_what_it_wrote() -> None:
    found = quality(opened("a", "leak", "level"))
    assert msgspec.json.decode(msgspec.json.encode(found), type=CaseQuality) == found
