"""What the API takes and gives: the types that requests are read by and that its description is made of."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from models.cases.case import Case, Entry, Outcome, Until
from models.cases.people import MAX_TEXT
from models.cases.stops import MAX_WORDS
from streams.access.audit import Line
from streams.access.record_query import Kind

_Word = Annotated[str, Meta(max_length=128)]
_Text = Annotated[str, Meta(max_length=MAX_TEXT)]
_Page = Annotated[int, Meta(ge=1, le=100_000)]
_PerPage = Annotated[int, Meta(ge=1, le=200)]
_Version = Annotated[int, Meta(ge=0, le=2**53)]


class Version(msgspec.Struct, frozen=True):
    """Which chillcast answers."""

    name: str
    version: str


class FleetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet in figures, as of ``newest_ms``, the newest window end that can be; 0 if there is none."""

    fleet: str
    machines: int
    silent: int
    wrong_clocks: int
    open_cases: int
    critical_cases: int
    without_score: int
    newest_ms: int
    horizon_d: float


class MachineShown(msgspec.Struct, frozen=True, kw_only=True):
    """One machine: its risk within the horizon, None without a score, and its open case as it stands.

    ``evidence`` is the share of what the model looks at that had a value. From ``severity`` on all is None
    without an open case; the outcome is likely in [from, until], None if that was not said.
    """

    machine: str
    risk: float | None
    corrected: float | None
    evidence: float | None
    as_of_ms: int
    is_silent: bool
    severity: str | None
    case: str | None
    state: str | None
    assignee: str | None
    from_ms: int | None
    until_ms: int | None


class Machines(msgspec.Struct, frozen=True):
    """A page of machines, the most urgent first, and how many were ``found``."""

    found: int
    page: int
    machines: list[MachineShown]


class MachineWithCases(msgspec.Struct, frozen=True):
    """A machine, and the names of all its cases, the newest first."""

    machine: MachineShown
    cases: list[str]


class CaseShown(msgspec.Struct, frozen=True):
    """A case, and its state and severity in a word."""

    state: str
    severity: str
    case: Case


class Cases(msgspec.Struct, frozen=True):
    """A page of cases, and how many were ``found``."""

    found: int
    page: int
    cases: list[CaseShown]


class CaseWithHistory(msgspec.Struct, frozen=True):
    """A case, and what was done to it, oldest first."""

    state: str
    severity: str
    case: Case
    history: list[Entry]


class MachinesAsked(msgspec.Struct, frozen=True):
    """Which machines: those with ``q`` in their name."""

    q: Annotated[str, Meta(max_length=100)] = ""
    page: _Page = 1
    per_page: _PerPage = 50


class CasesAsked(msgspec.Struct, frozen=True):
    """Which cases: in a ``state``, of an ``assignee`` (empty: of nobody), of a ``mode``, with words."""

    state: Literal["open", "new", "acknowledged", "snoozed", "resolved", "ended", "all"] = "open"
    assignee: Annotated[str, Meta(max_length=128)] | None = None
    mode: _Word = ""
    q: Annotated[str, Meta(max_length=100)] = ""
    order: Literal["worst", "soonest", "risk", "newest", "machine"] = "worst"
    page: _Page = 1
    per_page: _PerPage = 50


class AuditAsked(msgspec.Struct, frozen=True):
    """Which lines of the record: of a ``kind``, ``fleet`` or person (``who``), with ``q`` in them.

    Those in [since_ms, until_ms), ``most`` on a page; 0 is no end.
    """

    since_ms: Annotated[int, Meta(ge=0, le=2**53)] = 0
    until_ms: Annotated[int, Meta(ge=0, le=2**53)] = 0
    kind: Kind | Literal[""] = ""
    fleet: _Word = ""
    who: _Word = ""
    q: Annotated[str, Meta(max_length=100)] = ""
    page: _Page = 1
    most: Annotated[int, Meta(ge=1, le=1000)] = 100


class AuditLines(msgspec.Struct, frozen=True):
    """A page of lines of the record of changes, the newest first, and how many were ``found``."""

    found: int
    page: int
    lines: list[Line]


class PromotionShown(msgspec.Struct, frozen=True, kw_only=True):
    """Who gave a version its role, when and why; ``overridden`` is what the gate had against it."""

    number: int
    version: str
    role: str
    promoted_ms: int
    who: str
    reason: str
    overridden: str


class ComparedShown(msgspec.Struct, frozen=True, kw_only=True):
    """Log-loss of challenger and champion on the same windows whose labels are known.

    ``difference`` is challenger minus champion, between ``low`` and ``high`` with 95 % confidence.
    """

    challenger_version: str
    champion_version: str
    as_of_ms: int
    verdict: str
    windows: int
    assets: int
    outcomes: int
    challenger_log_loss: float | None
    champion_log_loss: float | None
    difference: float | None
    low: float | None
    high: float | None


class RetrainingShown(msgspec.Struct, frozen=True, kw_only=True):
    """A retraining: what triggered it, how far it is, and what became of it; empty if it goes on."""

    number: int
    trigger: str
    why: str
    step: str
    version: str
    as_of_ms: int
    result: str
    text: str


class ConcernShown(msgspec.Struct, frozen=True, kw_only=True):
    """Drift of the last weeks that concerns a champion.

    It was told so many ``times`` from ``since_ms`` to ``last_ms``, at last by ``text``; ``done`` says which
    retraining answers it, empty if none does.
    """

    cause: str
    sensor: str
    segment: str
    text: str
    since_ms: int
    last_ms: int
    times: int
    done: str


class WorthShown(msgspec.Struct, frozen=True, kw_only=True):
    """What the scores of the week that ended at ``time_ms`` were worth: log-loss, foretold and realised.

    ``coverage`` is the share of the ``labels`` that were due, ``age_d`` how old the newest is; null: unknown.
    """

    time_ms: int
    foretold: float | None
    realised: float | None
    labels: int
    coverage: float | None
    age_d: float | None


class ModelsShown(msgspec.Struct, frozen=True, kw_only=True):
    """Who scores, and who scores beside; every promotion, oldest first; and what trains again, newest first.

    ``compared`` is None without a challenger, or until the two were compared; ``drift`` and ``worth`` are of
    the last weeks.
    """

    champion: str
    challenger: str
    promotions: list[PromotionShown]
    compared: ComparedShown | None
    retrainings: list[RetrainingShown]
    drift: list[ConcernShown]
    worth: list[WorthShown]


class ModelDecided(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion as it was recorded."""

    number: int
    version: str
    role: str
    reason: str
    overridden: str


class RolledBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why, and the number of the newest promotion that was seen: it is refused if there is a newer one."""

    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    seen: Annotated[int, Meta(ge=0, le=2**53)]


class Promoted(RolledBack, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Also if the gate refuses it (``override``)."""

    override: bool = False


class Noted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Words for the history, and the ``version`` of the case as it was seen; without it as it is now."""

    text: _Text = ""
    version: _Version | None = None


class Commented(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Words for the history."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
    version: _Version | None = None


class AssignedTo(Noted, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who is to have it; empty: nobody."""

    assignee: _Word


class SnoozedUntil(Noted, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Until when it is quiet; ``at`` is a date, or date and time, of the site if ``until`` is ``date``."""

    until: Until
    at: Annotated[str, Meta(max_length=40)] = ""


class ResolvedAs(Noted, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What it was: a label, from which models learn."""

    outcome: Outcome
    mode: _Word = ""
    cause: _Word = ""
    remedy: _Text = ""
    downtime_h: Annotated[float, Meta(ge=0)] | None = None
    parts: _Text = ""


class PlansAsked(msgspec.Struct, frozen=True):
    """Which plans: of a ``machine``, or of the machines of a ``site``; all if neither is named."""

    machine: _Word = ""
    site: _Word = ""
    page: _Page = 1
    per_page: _PerPage = 50


class StopPlanned(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A stop of a ``machine``, or of all of a ``site``, between two dates or times of the site.

    ``until`` is the whole of a date.
    """

    begins: Annotated[str, Meta(max_length=40)] = msgspec.field(name="from")
    ends: Annotated[str, Meta(max_length=40)] = msgspec.field(name="until")
    machine: _Word = ""
    site: _Word = ""
    text: Annotated[str, Meta(max_length=MAX_WORDS)] = ""


class PlanCancelled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That a plan is not to be: nothing more is to be said."""


class StopShown(msgspec.Struct, frozen=True, kw_only=True):
    """A stop of one machine in [from, until); ``begins`` and ``ends`` are ISO 8601 with the site's offset."""

    machine: str
    from_ms: int
    until_ms: int
    begins: str
    ends: str
    state: str


class StopRefused(msgspec.Struct, frozen=True):
    """A machine that is not stopped by a plan, and why not."""

    machine: str
    reason: str


class PlanShown(msgspec.Struct, frozen=True, kw_only=True):
    """A plan ``of`` a site or a machine, and the stops of its machines."""

    plan: str
    of: str
    who: str
    text: str
    stops: list[StopShown]
    refused: list[StopRefused]


class Plans(msgspec.Struct, frozen=True):
    """A page of plans, the next first, and how many were ``found``."""

    found: int
    page: int
    plans: list[PlanShown]
