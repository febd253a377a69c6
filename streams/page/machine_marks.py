"""What happened to one machine, as marks of its charts: in words, in the time of its site."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.cases.case import Entry
from models.cases.stops import PlannedStop
from models.event_time import DAY_MS
from models.fleet.site_times import SiteTimes
from streams.page.marks import ACKNOWLEDGED, ENDED, FOUND, OPENED, Marks

OUTCOME = "shutdown"
_DRIFT = ("adwin", "machine")
_MOST_SIGNS = 40
_SIGNS = {
    "opened": OPENED,
    "reopened": OPENED,
    "acknowledged": ACKNOWLEDGED,
    "resolved": FOUND,
    "cleared": ENDED,
    "event": ENDED,
    "expired": ENDED,
    "planned": ENDED,
}
_WORDS = {OPENED: "case opened", ENDED: "case ended"}


@dataclass(frozen=True, slots=True)
class MachineMarks:
    """Makes the marks of what was read of a machine (``shown``, as views read it)."""

    times: SiteTimes
    shown: Mapping[str, Any]

    def marks(self, entries: Iterable[Entry], stops: Iterable[PlannedStop]) -> Marks:
        """Return the marks, with those of the ``entries`` of its cases and of planned stops."""
        shown, events = self.shown, self.shown["events"]
        return Marks(
            shutdowns=[self._said(t, code) for t, kind, code in events if kind == OUTCOME],
            repairs=[
                self._said(t, f"{kind} {code}".strip()) for t, kind, code in events if kind == "maintenance"
            ],
            models=[self._said(t, f"model {model} from here on") for t, model in shown["models"]],
            cases=[
                (opened_ms, closed_ms or shown["until_ms"], f"case {name}")
                for opened_ms, closed_ms, name in shown["episodes"]
            ],
            steps=list(self._steps(entries)),
            stops=list(self._stops(stops)),
            quality=self._days("doubts about the data", drift=False),
            drift=self._days("its risk, or what a sensor reads, moved", drift=True),
        )

    def _steps(self, entries: Iterable[Entry]) -> Iterator[tuple[int, str, str]]:
        """Yield what its cases went through, of a replay what people did at its end: their clock is ours."""
        for entry in entries:
            sign, time_ms = _SIGNS.get(entry.kind), entry.finding.as_of_ms if entry.finding else entry.time_ms
            if sign is not None and time_ms >= self.shown["from_ms"]:
                said = f"{self.times.said(entry.asset, entry.time_ms)}: {_in_words(sign, entry)}"
                yield min(time_ms, self.shown["until_ms"]), sign, said

    def _stops(self, stops: Iterable[PlannedStop]) -> Iterator[tuple[int, int, str]]:
        start_ms, end_ms = self.shown["from_ms"], self.shown["until_ms"]
        for stop in stops:
            if stop.from_ms < stop.until_ms and stop.until_ms > start_ms and stop.from_ms < end_ms:
                ends = [self.times.said(stop.asset, ms) for ms in (stop.from_ms, stop.until_ms)]
                why = f": {stop.text}" if stop.text else ""
                yield stop.from_ms, stop.until_ms, f"planned stop {' to '.join(ends)}{why}"

    def _days(self, words: str, *, drift: bool) -> Sequence[tuple[int, str]]:
        """Return the days on which something was told of it; none if those are too many to be seen."""
        told = [one for one in self.shown["quality"] if (one["detector"] in _DRIFT) is drift]
        days = {time_ms // DAY_MS * DAY_MS for one in told for time_ms in one["times"]}
        return [self._said(t, words) for t in sorted(days)] if len(days) <= _MOST_SIGNS else []

    def _said(self, time_ms: int, words: str) -> tuple[int, str]:
        return time_ms, f"{self.times.said(self.shown['asset'], time_ms)}: {words}"


def _in_words(sign: str, entry: Entry) -> str:
    """Say what somebody, or the machine, did to a case."""
    by = f" by {entry.who}" if entry.who else ""
    if entry.finding:
        mode = f", {entry.finding.mode}" if entry.finding.mode else ""
        return f"found{by}: {entry.finding.outcome}{mode}"
    return f"{_WORDS.get(sign, entry.kind)}{by}" + (f": {entry.kind}" if sign == ENDED else "")
