"""The signals that concern a champion: of many machines, of labels, and of what its scores were worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Told = Mapping[str, Any]
CONCERNS = ("population", "season", "label-delay")
"""The classes of drift that a training answers, if anything does."""


def answer_to(time_ms: int, runs: Sequence[Told]) -> Told | None:
    """Return the first of the retrainings that began after a signal, None if there is none."""
    later = [run for run in runs if run["as_of_ms"] >= time_ms]
    return min(later, key=lambda run: (run["as_of_ms"], run["number"]), default=None)


def in_words(run: Told | None) -> str:
    """Say how a retraining was triggered, and how far it is; empty if there is none."""
    if run is None:
        return ""
    how = run["result"] or f"now {run['step']}"
    version = f", version {run['version']}" if run["version"] else ""
    return f"retraining {run['number']} ({run['trigger']}: {run['why']}): {how}{version}"
