"""What really happened, as the record says it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from models.event_time import DAY_MS
from simulators.truth import FaultRecord, Truth

LEAK = FaultRecord("a", "leak", 10 * DAY_MS, severity=(0.0, 0.2, 0.6))


def test_a_severity_lies_between_those_of_the_days() -> None:
    times = (np.array([9.0, 10.0, 10.5, 11.5, 12.0]) * DAY_MS).astype(np.int64)
    np.testing.assert_allclose(LEAK.severity_at(times), [0.0, 0.0, 0.1, 0.4, 0.6])


def test_what_was_mended_and_what_is_of_an_instrument_has_none() -> None:
    times = np.array([11, 12], np.int64) * DAY_MS
    assert replace(LEAK, end_ms=12 * DAY_MS).severity_at(times).tolist() == [0.2, 0.0]
    assert replace(LEAK, severity=()).severity_at(times).tolist() == [0.0, 0.0]


def test_a_record_keeps_how_a_fault_grew() -> None:
    truth = Truth()
    truth.begin("a", "leak", 10 * DAY_MS)
    for severity in LEAK.severity:
        truth.grow("a", "leak", severity)
    assert truth.faults == [LEAK]
    truth.end("a", "leak", 12 * DAY_MS, "found")
    assert truth.faults == [replace(LEAK, end_ms=12 * DAY_MS, ended_by="found")]


def test_only_who_judges_reads_a_severity() -> None:
    code = [p for room in ("simulators", "chillcast", "models", "streams") for p in Path(room).rglob("*.py")]
    users = {str(p) for p in code if "severity_at" in p.read_text(encoding="utf-8")}
    assert users == {"simulators/truth.py", "chillcast/skill/oracle.py"}
