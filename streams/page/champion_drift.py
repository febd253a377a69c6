"""The signals that concern a champion: of many machines, of labels, and of what its scores were worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.event_time import DAY_MS
from streams.page.weeks import DAYS
from streams.stores.drift_reader import PERFORMANCE, NamedDrift, Week, named_drift, weeks
from streams.stores.store import Reader

Told = Mapping[str, Any]
CONCERNS = ("population", "season", "label-delay", PERFORMANCE)
"""The classes of drift that a training answers, if anything does."""


@dataclass(frozen=True, slots=True)
class Concern:
    """Drift of a class, point and segment: ``last`` of its signals, since when there are any, and how many.

    ``answer`` is the first retraining that began after the first of them, None if there is none.
    """

    last: NamedDrift
    since_ms: int
    times: int
    answer: Told | None

    @property
    def done(self) -> str:
        """What was done, in words; empty if nothing was."""
        return in_words(self.answer)


def read_concerns(reader: Reader, now_ms: int, runs: Sequence[Told]) -> tuple[list[Concern], list[Week]]:
    """Return the drift of the last weeks that concerns a champion, and what its scores were worth."""
    span_ms = now_ms - DAYS * DAY_MS, now_ms + 1
    _, signals = named_drift(reader, *span_ms)
    return concerns(signals, runs), weeks(reader, *span_ms)


def concerns(signals: Iterable[NamedDrift], runs: Sequence[Told]) -> list[Concern]:
    """Return what concerns a champion of signals, the oldest first; what was told last comes first."""
    found: dict[tuple[str, str, str], list[NamedDrift]] = {}
    for one in signals:
        if one.cause in CONCERNS:
            found.setdefault((one.cause, one.sensor, one.segment), []).append(one)
    about = [
        Concern(told[-1], told[0].time_ms, len(told), answer_to(told[0].time_ms, runs))
        for told in found.values()
    ]
    return sorted(about, key=lambda one: (-one.last.time_ms, CONCERNS.index(one.last.cause)))


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
