"""The whole pipeline on a real Apache Kafka, disturbed: all that is said is the undisturbed run's, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.kafka.connection import Connection
from tests.kafka.faults import inject

pytestmark = pytest.mark.kafka
HERE = ("kill -9 x 8 within commits", "kill -9 x 8 within snapshots")
"""Three of the eight; `make faults` runs all, and the other faults."""


@pytest.mark.parametrize("fault", HERE)
def test_a_fault_loses_doubles_and_changes_nothing(
    fault: str, kafka: Connection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHILLCAST_TEST_KILLS", "3")
    outcomes = inject(fault, kafka, home, None, exactly_once=True)
    wrong = [outcome for outcome in outcomes if not outcome.is_right]
    assert not wrong, wrong
