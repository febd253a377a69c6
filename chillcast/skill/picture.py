"""A judgement as a picture: recall against alarms, by cause, by season, and whether risks come true."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

if TYPE_CHECKING:
    from chillcast.skill.report import SkillReport

_BLUE, _LIGHT, _GREY, _RED = "#1f6fb2", "#a9cbe8", "#d3dae0", "#b91c1c"
_COLOURS = {"model": _BLUE, "oracle": "#1b2733", "rules": "#d97706", "best sensor": "#7c3aed"}
_MOST_ALARMS = 2.5


def draw(report: SkillReport, path: Path) -> None:
    """Draw a judgement in four parts."""
    figure = Figure(figsize=(12, 8.6), layout="constrained")
    (left, right), (lower_left, lower_right) = figure.subplots(2, 2)
    _trade_off(left, report)
    _causes(right, report)
    _seasons(lower_left, report)
    _calibration(lower_right, report)
    for axes in (left, right, lower_left, lower_right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_fontsize(11)
    figure.savefig(path, dpi=110)


def _trade_off(axes: Axes, report: SkillReport) -> None:
    for name in dict.fromkeys(p.policy for p in report.trade_off):
        points = [
            (p.unexplained_alarms, p.recall_foreseeable or 0.0) for p in report.trade_off if p.policy == name
        ]
        colour = _COLOURS.get(name, "#9aa7b2")
        axes.plot(*zip(*sorted(points), strict=True), "-", color=colour, linewidth=1.6, label=name)
    for row in (r for r in report.rows if r.budget_of == "unexplained" and r.policy in _COLOURS):
        axes.plot(row.unexplained_alarms, row.recall_foreseeable or 0.0, "o", color=_COLOURS[row.policy])
    axes.plot([], [], "o", color="#9aa7b2", label="threshold learnt beforehand")
    axes.set(xlim=(0, _MOST_ALARMS), ylim=(0, 1.02), xlabel="unexplained alarms per machine-year")
    axes.set_title("Foreseeable shutdowns announced, by what it costs")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8, loc="center right", bbox_to_anchor=(1.0, 0.55), ncols=2)


def _causes(axes: Axes, report: SkillReport) -> None:
    rows = [r for r in report.causes if (r.budget, r.budget_of) == report.budget]
    names = [r.cause.replace("_", " ") for r in rows]
    _stacked(
        axes,
        names,
        [r.shutdowns for r in rows],
        [r.announced for r in rows],
        [r.three_days_ahead for r in rows],
    )
    axes.set_title("Shutdowns by cause")
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _seasons(axes: Axes, report: SkillReport) -> None:
    rows = [r for r in report.seasons if (r.budget, r.budget_of) == report.budget]
    names = [f"{r.season}\n{r.false_alarms:.2f} false alarms\nper machine-year" for r in rows]
    _stacked(
        axes,
        names,
        [r.foreseeable for r in rows],
        [r.announced for r in rows],
        [r.three_days_ahead for r in rows],
    )
    axes.set_title("Foreseeable shutdowns by season")


def _stacked(
    axes: Axes, names: Sequence[str], all_: Sequence[int], announced: Sequence[int], early: Sequence[int]
) -> None:
    """Draw bars of what happened, in them what was announced, and in these what was three days ahead."""
    places = range(len(names))
    axes.barh(places, all_, color=_GREY, label="missed")
    axes.barh(places, announced, color=_LIGHT, label="announced")
    axes.barh(places, early, color=_BLUE, label="three days ahead or more")
    for place, of, said in zip(places, all_, announced, strict=True):
        axes.text(of, place, f"  {said} of {of}", va="center", fontsize=8)
    axes.set_yticks(places, names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, max([*all_, 1]) * 1.15)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("shutdowns")


def _calibration(axes: Axes, report: SkillReport) -> None:
    rows = report.calibration
    places = range(len(rows))
    axes.bar([p - 0.2 for p in places], [r.mean_risk for r in rows], 0.38, color=_BLUE, label="mean risk")
    axes.bar([p + 0.2 for p in places], [r.observed for r in rows], 0.38, color=_GREY, label="came true")
    for place, row in zip(places, rows, strict=True):
        top = max(row.mean_risk, row.observed)
        axes.text(place, top, f"{row.error_points:+.1f}", ha="center", va="bottom", fontsize=9)
    axes.set_xticks(places, [r.season for r in rows])
    axes.set_ylim(0, max([*(r.mean_risk for r in rows), *(r.observed for r in rows), 0.01]) * 1.25)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_title(f"Risk over {report.horizon_d:g} days and what came (error in points)")
    axes.legend(frameon=False, fontsize=8)
