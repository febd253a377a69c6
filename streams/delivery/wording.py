"""A notice in words: a title, a text, and the same as HTML for mails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.cases.case import Case
from models.delivery.notice import FEW, STOPPED, Line, Notice
from models.fleet.site_times import SiteTimes
from models.risk.wording import percent

_FOLDER = Path(__file__).parent / "templates"
_KINDS = {
    "opened": "new case",
    "worse": "got worse",
    "reopened": "taken up again",
    "unsnoozed": "no longer quiet",
    "repeated": "nobody has acknowledged it yet",
    "escalated": "nobody has acknowledged it",
    "cleared": "the risk went down",
    "expired": "its time passed without one",
    "planned": "it was stopped as planned",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of what a sensor read, as PNG, and the same in words."""

    png: bytes
    words: str


Pictures = Mapping[str, Picture]
"""By the key of a sensor."""
NONE: Pictures = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person reads; ``is_over`` if nothing is to be done any more.

    The ``html`` has its ``pictures`` in it, each by the name of a file (``cid:``).
    """

    title: str
    text: str
    html: str
    severity: str
    is_over: bool
    pictures: Mapping[str, bytes]


class Wording:
    """Says notices with the times of the sites; ``outcome`` is what the fleet's machines are heading for.

    ``page_url`` is where people find the page, empty if they do not.
    """

    def __init__(self, outcome: str, times: SiteTimes, page_url: str = "") -> None:
        self.outcome, self.times, self.page_url = outcome, times, page_url.rstrip("/")
        self._plain, self._html = _environment(autoescape=False), _environment(autoescape=True)

    def letter(self, notice: Notice, pictures: Pictures = NONE) -> Letter:
        """Return a notice in words, and with pictures of some sensors of its case."""
        cases = [line.case for line in notice.lines]
        worst = "critical" if any(c.severity == "critical" and c.is_open for c in cases) else "warning"
        title = self.title(notice)
        names = {key: f"sensor-{number}.png" for number, key in enumerate(pictures, 1)}
        values = {
            "notice": notice,
            "title": title,
            "words": self,
            "few": FEW,
            "names": names,
            "pictures": pictures,
        }
        return Letter(
            title=title,
            text=self._plain.get_template("notice.txt").render(values).strip() + "\n",
            html=self._html.get_template("notice.html").render(values),
            severity=worst,
            is_over=bool(cases) and not any(c.is_open for c in cases),
            pictures={names[key]: picture.png for key, picture in pictures.items()},
        )

    def title(self, notice: Notice) -> str:
        """Say the whole in a line."""
        if not notice.lines:
            return "chillcast: this is a test, nothing is to be done"
        if notice.kind == "digest":
            open_ = [line for line in notice.lines if line.case.is_open]
            site = self._site_of(notice)
            held = sum(line.is_held for line in open_)
            more = f", {held} of them held" if held else ""
            return f"chillcast: {_count(len(open_), 'open case')}{f' at {site}' if site else ''}{more}"
        if len(notice.lines) > 1:
            critical = sum(line.case.severity == "critical" for line in notice.lines)
            more = f", {critical} of them critical" if critical else ""
            site = self._site_of(notice)
            return f"{_count(len(notice.lines), 'case')}{f' at {site}' if site else ''}{more}"
        (line,) = notice.lines
        mark = line.case.severity.upper() if line.case.is_open else "OVER"
        return f"{mark} {line.case.asset}{f' ({line.site})' if line.site else ''}: {self.about(line)}"

    def about(self, line: Line) -> str:
        """Say in short what a case is about, and why it is told."""
        suspected = line.case.evidence.fault
        return f"{suspected}, {self.why(line)}" if suspected else self.why(line)

    def why(self, line: Line) -> str:
        """Say why a case is told."""
        case = line.case
        if line.is_held:
            return self._held(line)
        if line.kind == "event":
            return f"the {self.outcome} came"
        if line.kind == "assigned" and case.assigned:
            return f"given to {case.assigned.name} by {case.assigned.who}"
        if line.kind == "resolved" and case.resolved:
            found = case.resolved
            return f"resolved by {found.who}: {', '.join(filter(None, (found.outcome, found.mode)))}"
        return _KINDS.get(line.kind, line.kind)

    def span(self, case: Case) -> str:
        """Say between which days the outcome is likely; empty if that was not said."""
        evidence = case.evidence
        if not evidence.until_ms:
            return ""
        first, last = (self.times.date(case.asset, ms) for ms in (evidence.from_ms, evidence.until_ms))
        return first if first == last else f"{first} to {last}"

    def state(self, case: Case) -> str:
        """Say who has it."""
        seen = f"acknowledged by {case.acknowledged.who}" if case.acknowledged else "not acknowledged"
        return f"{seen}, {f'{case.assigned.name} has it' if case.assigned else 'nobody has it'}"

    def said(self, case: Case, time_ms: int) -> str:
        """Say a moment at the machine's site."""
        return self.times.said(case.asset, time_ms)

    def link(self, case: Case) -> str:
        """Return where the case is shown; empty if that is not known."""
        return f"{self.page_url}/cases/{quote(case.case)}" if self.page_url else ""

    def sheet(self, case: Case) -> str:
        """Return where its work sheet is, with the readings drawn; empty if that is not known."""
        return f"{self.page_url}/sheet/{quote(case.case)}" if self.page_url else ""

    def _held(self, line: Line) -> str:
        """Say what keeps a case from being told, and until when."""
        case, snooze = line.case, line.case.snoozed
        if line.kind == STOPPED or snooze is None:
            return f"held until {self.said(case, line.until_ms)}: planned stop"
        until = {"worse": "it gets worse", "cleared": "it clears"}.get(snooze.until)
        return f"held until {until or self.said(case, snooze.until_ms)}: snoozed by {snooze.who}"

    def _site_of(self, notice: Notice) -> str:
        sites = {line.site for line in notice.lines}
        return sites.pop() if len(sites) == 1 else ""


def _count(n: int, what: str) -> str:
    """Say how many.

    >>> _count(1, "open case"), _count(0, "open case")
    ('1 open case', 'no open cases')
    """
    return f"{n or 'no'} {what}{'' if n == 1 else 's'}"


def _environment(*, autoescape: bool) -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=autoescape,  # noqa: S701  (what is not escaped is plain text)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["percent"] = percent
    return made
