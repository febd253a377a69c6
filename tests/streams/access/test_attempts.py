from __future__ import annotations

from pathlib import Path

import pytest

from streams.access.attempts import OF_ADDRESS, OF_NAME, Attempts
from streams.access.database import Database
from tests.support.people import MINUTE_MS, Hand


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def attempts(tmp_path: Path, clock: Hand) -> Attempts:
    return Attempts(Database(tmp_path / "access.db"), clock)


def test_after_some_failures_a_name_waits_wherever_it_comes_from(attempts: Attempts) -> None:
    waits = [attempts.begin("ann", f"10.0.0.{i}") for i in range(OF_NAME.free + 2)]
    assert waits == [0] * OF_NAME.free + [MINUTE_MS] * 2
    assert attempts.begin("bob", "10.0.0.1") == 0


def test_the_wait_doubles_with_every_further_failure_up_to_a_quarter_of_an_hour(
    attempts: Attempts, clock: Hand
) -> None:
    waits: list[int] = []
    while len(waits) < 7:
        wait_ms = attempts.begin("ann", "10.0.0.1")
        if wait_ms:
            waits.append(wait_ms // MINUTE_MS)
            clock.now_ms += wait_ms
    assert waits == [1, 2, 4, 8, 15, 15, 15]


def test_whoever_gets_in_begins_anew(attempts: Attempts) -> None:
    for _ in range(3):
        for _ in range(OF_NAME.free):
            assert attempts.begin("ann", "10.0.0.1") == 0
        attempts.succeed("ann", "10.0.0.1")


def test_many_failures_from_one_address_wait_a_minute_whatever_the_names(
    attempts: Attempts, clock: Hand
) -> None:
    waits = [attempts.begin(f"name-{i}", "10.0.0.1") for i in range(OF_ADDRESS.free + 1)]
    assert waits == [0] * OF_ADDRESS.free + [MINUTE_MS]
    assert attempts.begin("ann", "10.0.0.2") == 0
    clock.pass_by(1)
    assert attempts.begin("ann", "10.0.0.1") == 0


def test_a_day_without_a_failure_and_it_is_forgotten(attempts: Attempts, clock: Hand) -> None:
    for _ in range(OF_NAME.free):
        attempts.begin("ann", "10.0.0.1")
    clock.pass_by(24 * 60 + 1)
    assert [attempts.begin("ann", "10.0.0.1") for _ in range(OF_NAME.free)] == [0] * OF_NAME.free


def test_names_that_are_made_up_do_not_fill_the_disk(
    attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.access.attempts._KEPT", 10)
    for i in range(40):
        attempts.begin(f"name-{i}", f"10.0.0.{i}")
    with attempts.database.reading() as reading:
        assert reading is not None
        assert reading.execute("SELECT count(*) FROM attempts").fetchone() == (10,)
