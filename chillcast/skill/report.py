"""All that a judgement found, as tables, JSON, a picture and a page."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from chillcast.skill.breakdown import CalibrationRow, CauseRow, SeasonRow
from chillcast.skill.judgement import BudgetOf, SkillRow
from chillcast.skill.picture import draw
from chillcast.skill.survey import Survey
from chillcast.skill.trade_off import TradeOff

_TEMPLATES = Path(__file__).parent / "templates"


class JudgedFleet(msgspec.Struct, frozen=True, kw_only=True):
    """One simulated fleet: how many machines were looked at, and from when until when (UTC)."""

    name: str
    machines: int
    from_: str = msgspec.field(name="from")
    until: str


class SkillReport(msgspec.Struct, frozen=True, kw_only=True):
    """A judgement; ``causes``, ``seasons`` and ``calibration`` are of the model alone."""

    horizon_d: float
    case_d: float
    develop: list[JudgedFleet]
    judge: list[JudgedFleet]
    rows: list[SkillRow]
    causes: list[CauseRow]
    seasons: list[SeasonRow]
    calibration: list[CalibrationRow]
    trade_off: list[TradeOff]

    @property
    def headline(self) -> SkillRow:
        """The model under the first budget of unexplained alarms."""
        return next(r for r in self.rows if r.policy == "model" and r.budget_of == "unexplained")

    @property
    def budget(self) -> tuple[float, BudgetOf]:
        """The budget of the headline, and what it counts."""
        return self.headline.budget, self.headline.budget_of


def fleets_of(survey: Survey) -> list[JudgedFleet]:
    """Return which fleets a survey is of, by the names of its machines."""
    names = [name.partition("/")[0] for name in survey.keys.assets]
    start, end = (datetime.fromtimestamp(ms / 1000, UTC).date().isoformat() for ms in survey.span_ms)
    return [
        JudgedFleet(name=name, machines=names.count(name), from_=start, until=end)
        for name in dict.fromkeys(names)
    ]


def write(report: SkillReport, home: Path) -> list[Path]:
    """Write the rows, the whole report, its picture and its page under ``home``; return their paths."""
    folder = home / "skill"
    folder.mkdir(parents=True, exist_ok=True)
    rows, whole, picture, page = (
        home / "skill.json",
        folder / "report.json",
        folder / "report.png",
        folder / "report.html",
    )
    _write_json(report.rows, rows)
    _write_json(report, whole)
    draw(report, picture)
    page.write_text(_page(report, picture), encoding="utf-8")
    return [rows, whole, picture, page]


def _write_json(content: object, path: Path) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")


def _page(report: SkillReport, picture: Path) -> str:
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    templates.filters.update(
        share=lambda x: "–" if x is None else f"{x:.0%}".replace("%", " %"),
        days=lambda x: "–" if x is None else f"{x:.1f}",
        rate=lambda x: f"{x:.2f}",
    )
    return templates.get_template("report.html").render(
        report=report,
        head=report.headline,
        picture=base64.b64encode(picture.read_bytes()).decode(),
        causes=[r for r in report.causes if (r.budget, r.budget_of) == report.budget],
        seasons=[r for r in report.seasons if (r.budget, r.budget_of) == report.budget],
    )
