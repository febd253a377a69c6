"""What is remembered is there whole, or not at all; a retraining file is refused by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from chillcast.retraining.memory import Memory, Run, memory_of
from chillcast.retraining.retraining_config import load_retraining
from models.errors import ConfigError, StateError
from models.fleet.fleet import load_fleet
from tests.support.commands import ROOT

RUN = Run(number=1, trigger="drift", why="it moved", as_of_ms=5)


def test_what_is_remembered_is_read_again_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    file = memory_of(tmp_path, "toy")
    assert file.read() == Memory()
    file.write(Memory(present=RUN, learnt_ms=3))
    assert file.read() == Memory(present=RUN, learnt_ms=3)
    assert [path.name for path in file.folder.iterdir()] == ["state.json"]
    for damaged in (file.path.read_bytes()[:20], b'{"passed_over": "\xff"}'):
        file.path.write_bytes(damaged)
        with pytest.raises(StateError, match=r"state\.json: damaged: .*move it away"):
            file.read()
    file.path.unlink()
    file.path.mkdir()
    with pytest.raises(StateError, match=r"state\.json: cannot be read: Is a directory"):
        file.read()


def test_the_last_twenty_are_kept_and_numbers_go_on() -> None:
    memory = Memory()
    for number in range(1, 26):
        assert memory.next_number == number
        memory = memory.ended(Run(number=number, trigger="t", why="w", as_of_ms=number))
    assert [run.number for run in memory.over] == list(range(6, 26))


def test_the_shipped_file_is_one_for_the_shipped_fleet() -> None:
    fleet = load_fleet(ROOT / "fleets" / "chiller.toml")
    found = load_retraining(ROOT / "fleets" / "retraining" / "chiller.toml", fleet)
    assert (found.promotion.by, found.triggers.every_days) == ("person", 90)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[triggers]\ndrift_day = 3", "triggers.drift_day is not known: did you mean drift_days"),
        ("[data]\ndays = 60\ntest_days = 60", "data.test_days = 60: expected fewer than data.days = 60"),
        ('[promotion]\nby = "anybody"', "promotion.by = 'anybody': expected"),
        ("[training]\nrounds = -1", "training.rounds = -1: expected"),
        ("[triggers]\nsegment_instances = 500", "triggers.segment_instances = 500: expected no such key, or"),
        ("[data]\ndays = 40000", "data.days = 40000: expected a whole number above 0 and at most 36525"),
        ("[limits]\nnice = 20", "limits.nice = 20: expected"),
    ],
)
def test_a_wrong_file_is_refused_by_its_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "retraining.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load_retraining(path, load_fleet(ROOT / "fleets" / "chiller.toml"))
    assert message in str(error.value)
