"""The same faults on the embedded broker, which has no transactions: nothing lost, duplicates identical."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker
from tests.kafka.faults import inject

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with EmbeddedBroker(tmp_path_factory.mktemp("embedded") / "broker.log") as broker:
        yield Connection(broker.bootstrap)


@pytest.mark.parametrize("fault", ["first message withheld", "kill -9 x 8 within snapshots"])
def test_a_fault_loses_and_changes_nothing(fault: str, embedded: Connection, tmp_path: Path) -> None:
    outcomes = inject(fault, embedded, tmp_path / "home", None, exactly_once=False)
    assert all(outcome.is_right for outcome in outcomes), outcomes
