"""A proof as JSON, pictures and a page that a manager reads."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from chillcast.proof.estimates import Estimate
from chillcast.proof.outcome import NONE, OWN, TWO_THIRDS, PolicyRow, SweepRow
from chillcast.proof.picture import draw
from chillcast.skill.report import JudgedFleet

_TEMPLATES = Path(__file__).parent / "templates"


class AssumedRow(msgspec.Struct, frozen=True, kw_only=True):
    """An assumption with its range, the end that hurts, and where it comes from."""

    name: str
    meaning: str
    value: float
    low: float
    high: float
    adverse: str
    source: str


class NotSaid(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof does not say, and why."""

    what: str
    why: str


class ProofReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that a proof found.

    ``foreseeable_share`` is that of the unplanned downtime without alerts which stems from gradual faults: no
    alert can avert more. ``sweeps`` change one assumption each, ``adversities`` several.
    """

    budget: float
    replicates: int
    develop: list[JudgedFleet]
    judge: list[JudgedFleet]
    machine_years: float
    foreseeable_share: Estimate
    policies: list[PolicyRow]
    sweeps: list[SweepRow]
    adversities: list[SweepRow]
    assumptions: list[AssumedRow]
    not_said: list[NotSaid]

    def row(self, policy: str) -> PolicyRow:
        """Return the row of a policy."""
        return next(row for row in self.policies if row.policy == policy)

    @property
    def all_changes(self) -> list[SweepRow]:
        """Return every set of assumptions but the first."""
        return [*self.sweeps, *self.adversities]


def write(report: ProofReport, home: Path) -> list[Path]:
    """Write the report, its picture and its page under ``home``; return their paths."""
    folder = home / "proof"
    folder.mkdir(parents=True, exist_ok=True)
    whole, picture, page = home / "proof.json", folder / "proof.png", folder / "proof.html"
    whole.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    draw(report.policies, report.all_changes, picture)
    shown = base64.b64encode(picture.read_bytes()).decode()
    page.write_text(rendered(report, "proof.html", picture=shown), encoding="utf-8")
    return [whole, picture, page]


def rendered(report: ProofReport, template: str, **more: str) -> str:
    """Return a report as a template has it; one of HTML is escaped."""
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=template.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters.update(share=share, number=number, between=between, longer=longer)
    return templates.get_template(template).render(
        report=report,
        without=report.row(NONE),
        own=report.row(OWN),
        oracle=report.row("oracle"),
        two_thirds=TWO_THIRDS,
        reach=[row for row in report.all_changes if row.reaches_two_thirds],
        below_rules=[row for row in report.all_changes if row.is_worse_than_rules],
        worst=min(report.sweeps, key=_reduction),
        best=max(report.sweeps, key=_reduction),
        **more,
    )


def _reduction(row: SweepRow) -> float:
    return row.less_unplanned.value or 0.0


def share(found: Estimate) -> str:
    """Return a share in words."""
    return "–" if found.value is None else f"{found.value:.0%}".replace("%", " %")


def longer(less: Estimate) -> str:
    """Return by how much less, or more, time something takes, with the interval.

    >>> longer(Estimate(value=-0.05, low=-0.08, high=-0.02)), longer(Estimate(value=0.4, low=0.3, high=0.5))
    ('5 % longer (2 to 8 %)', '40 % less time (30 to 50 %)')
    """
    if less.value is None or less.value >= 0:
        return f"{share(less)} less time ({between(less)})"
    low, high = (None if end is None else -end for end in (less.high, less.low))
    more = Estimate(value=-less.value, low=low, high=high)
    return f"{share(more)} longer ({between(more)})"


def number(found: Estimate) -> str:
    """Return a figure in words."""
    return "–" if found.value is None else f"{found.value:.2f}"


def between(found: Estimate) -> str:
    """Return the interval of a share in words."""
    if found.low is None or found.high is None:
        return "–"
    return f"{100 * found.low:.0f} to {100 * found.high:.0f} %"
