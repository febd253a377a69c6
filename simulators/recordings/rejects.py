"""What of a recording cannot be used: refused at once with its place, or counted by reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from models.errors import RecordingError

_SHOWN = 120


def shortened(text: object) -> str:
    """Return a text as it is quoted in an error: in one line, not too long.

    >>> shortened("a" * 200)[-3:]
    "a…'"
    """
    whole = str(text)
    return repr(whole if len(whole) <= _SHOWN else whole[:_SHOWN] + "…")


@dataclass
class Rejects:
    """Counts what was left out, and keeps of each kind the first, in words."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def reject(self, on_bad: str, kind: str, text: str, count: int = 1) -> None:
        """Count what is bad, or raise RecordingError with ``text`` if ``on_bad`` says so."""
        if on_bad == "refuse":
            raise RecordingError(text)
        self.leave_out(kind, text, count)

    def leave_out(self, kind: str, text: str, count: int = 1) -> None:
        """Count what is left out in any case."""
        self.counts[kind] += count
        self.first.setdefault(kind, text)

    def remarks(self) -> tuple[str, ...]:
        """Return a line for each kind: how many, and the first."""
        return tuple(f"{kind}: {n}; the first: {self.first[kind]}" for kind, n in self.counts.items())
