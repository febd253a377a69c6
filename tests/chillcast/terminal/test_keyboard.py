"""Keys steer a replay; what is no terminal says nothing and stays as it is."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from chillcast.terminal.keyboard import Keyboard
from models.event_time import DAY_MS
from streams.records import Control


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as stream:
        yield ours, stream
    os.close(ours)


def test_each_key_is_a_command(terminal: tuple[int, TextIO]) -> None:
    ours, stream = terminal
    with Keyboard(lambda: 10 * DAY_MS, 60.0, stream) as keyboard:
        assert keyboard.listens
        assert keyboard() == []
        os.write(ours, b"  \x1b[C\x1b[D+-mqx")
        assert keyboard() == [
            Control(command="pause"),
            Control(command="resume"),
            Control(command="seek", time=11 * DAY_MS),
            Control(command="seek", time=9 * DAY_MS),
            Control(command="speed", speed=120.0),
            Control(command="speed", speed=60.0),
            Control(command="speed", speed=0.0),
            Control(command="stop"),
        ]


def test_without_a_terminal_nobody_types(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("q")
    with (tmp_path / "x").open() as stream, Keyboard(lambda: 0, 1.0, stream) as keyboard:
        assert not keyboard.listens
        assert keyboard() == []
