"""Standard output and error of a process, without its secrets."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO

from streams.redaction import redact


class GuardedStream:
    """Writes what it is given to another stream of text, redacted; is that stream in all other ways."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, and return its length; TypeError for bytes."""
        if not isinstance(text, str):
            raise TypeError(f"text expected, not {type(text).__name__}")
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_output() -> None:
    """Let everything that this process says pass the filter: results, logs, alarms, errors, tracebacks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, GuardedStream):
            setattr(sys, name, GuardedStream(stream))
