"""Steering a replay from the terminal it runs in."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Callable
from typing import Any, TextIO

from models.event_time import DAY_MS
from streams.records import Control

HELP = "space pauses and resumes, ← → seek a day, - + halve and double the speed, m is max, q stops"
_LEFT, _RIGHT = "\x1b[D", "\x1b[C"


class Keyboard:
    """Reads keys without waiting; says nothing where the input is no terminal. Use it in a ``with``.

    ``position_ms`` says how far the replay is, from where a seek counts.
    """

    def __init__(self, position_ms: Callable[[], int], speed: float, stream: TextIO = sys.stdin) -> None:
        self._position_ms, self._stream = position_ms, stream
        self._speed = speed if speed < float("inf") else 3600.0
        self._paused = False
        self._before: Any = None

    def __enter__(self) -> Keyboard:
        if self._stream.isatty():
            self._before = termios.tcgetattr(self._stream)
            tty.setcbreak(self._stream)
        return self

    def __exit__(self, *_: object) -> None:
        if self.listens:
            termios.tcsetattr(self._stream, termios.TCSADRAIN, self._before)

    @property
    def listens(self) -> bool:
        """Return whether there is a terminal to type into."""
        return self._before is not None

    def __call__(self) -> list[Control]:
        """Return what was typed since the last call."""
        if not self.listens or not select.select([self._stream], [], [], 0)[0]:
            return []
        typed = os.read(self._stream.fileno(), 64).decode(errors="ignore")
        return [control for key in _keys(typed) if (control := self._meaning(key)) is not None]

    def _meaning(self, key: str) -> Control | None:
        if key in (_LEFT, _RIGHT):
            step = DAY_MS if key == _RIGHT else -DAY_MS
            return Control(command="seek", time=max(self._position_ms() + step, 1))
        if key == " ":
            self._paused = not self._paused
            return Control(command="pause" if self._paused else "resume")
        if key in "+-":
            self._speed *= 2.0 if key == "+" else 0.5
            return Control(command="speed", speed=self._speed)
        return {"m": Control(command="speed", speed=0.0), "q": Control(command="stop")}.get(key)


def _keys(typed: str) -> list[str]:
    """Cut what was typed into keys; an arrow is three characters.

    >>> _keys("q\\x1b[C+")
    ['q', '\\x1b[C', '+']
    """
    keys: list[str] = []
    while typed:
        length = 3 if typed.startswith("\x1b[") else 1
        keys.append(typed[:length])
        typed = typed[length:]
    return keys
