"""From what the simulator says happened to faults and stops that crews can meet."""

from __future__ import annotations

import numpy as np
import pytest

from chillcast.proof.plant import ALWAYS, HOUR_MS, Stop, plant_in, with_sudden
from chillcast.skill.survey import Survey
from models.event_time import DAY_MS
from models.telemetry.event_log import EventLog
from models.telemetry.window_keys import WindowKeys
from simulators.truth import FaultRecord, ShutdownRecord
from tests.support.proof_plants import MONDAY_MS, SPAN_MS, growing, one_flaw

EMPTY = np.zeros((2, 0), np.float32)


def survey_of(faults: tuple[FaultRecord, ...], stops: tuple[ShutdownRecord, ...]) -> Survey:
    names = ("a-1/CH-0001", "a-1/CH-0002")
    keys = WindowKeys(names, np.array([0, 1], np.int32), np.array(SPAN_MS))
    return Survey(keys, np.zeros(0, np.int64), EMPTY, EMPTY, EMPTY, EventLog(), stops, faults)


def at(day: float) -> int:
    return MONDAY_MS + int(day * DAY_MS)


def test_a_stop_is_of_the_fault_of_its_kind_that_its_repair_ended() -> None:
    ended = {"end_ms": at(20), "ended_by": "repair", "severity": (0.0, 1.0)}
    faults = (
        FaultRecord("a-1/CH-0001", "leak", at(1), at(5), "found", (0.0, 0.5)),
        FaultRecord("a-1/CH-0001", "sensor_bias", at(2), at(20), "repair"),
        FaultRecord("a-1/CH-0002", "leak", at(7), **ended),  # type: ignore[arg-type]
        FaultRecord("a-1/CH-0001", "fouling", at(6), **ended),  # type: ignore[arg-type]
        FaultRecord("a-1/CH-0001", "leak", at(7), **ended),  # type: ignore[arg-type]
    )
    stops = (
        ShutdownRecord("a-1/CH-0001", at(20), "x", "leak", is_sudden=False),
        ShutdownRecord("a-1/CH-0002", at(20), "flow-switch", "", is_sudden=True),
    )
    found = plant_in(survey_of(faults, stops), seed=0)
    assert (found.name, found.names) == ("a-1", ("a-1/CH-0001", "a-1/CH-0002"))
    assert [f.kind for f in found.flaws] == ["leak", "leak", "fouling", "leak"]
    assert [(s.machine, s.flaw, s.time_ms) for s in found.stops[:2]] == [(0, 3, at(20)), (1, -1, at(20))]
    assert found.stops[0].above == ALWAYS


def test_stops_before_the_first_window_are_of_no_account() -> None:
    stop = ShutdownRecord("a-1/CH-0001", MONDAY_MS - HOUR_MS, "flow-switch", "", is_sudden=True)
    assert plant_in(survey_of((), (stop,)), seed=0).stops == ()


def test_the_factor_thins_sudden_stops_and_doubles_them_and_leaves_the_others() -> None:
    sudden = [Stop(0, at(day), -1) for day in range(100)]
    found = with_sudden([*sudden, Stop(0, at(50), 3)], SPAN_MS, seed=1)

    def come(factor: float) -> list[Stop]:
        return [s for s in found if factor > s.above]

    assert come(0.0) == [Stop(0, at(50), 3)]
    assert len(come(1.0)) == 101
    assert {s.time_ms for s in come(1.0)} == {s.time_ms for s in (*sudden, Stop(0, at(50)))}
    assert len(come(2.0)) == 201
    assert 30 < len(come(0.5)) < 70
    assert found == with_sudden([*sudden, Stop(0, at(50), 3)], SPAN_MS, seed=1)


def test_the_worst_flaw_of_a_machine_is_the_most_severe_under_way() -> None:
    plant = one_flaw()
    assert plant.worst(0, at(6.9)) == -1
    assert plant.worst(0, at(7.0)) == 0
    assert plant.worst(0, at(27.0)) == -1
    flaw, _ = growing(0, 7.0, 20)
    assert flaw.size_at(at(17)) == pytest.approx(0.5)
