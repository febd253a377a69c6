"""A proof as a picture: downtime by policy, and how the reduction moves with what is assumed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from chillcast.proof.estimates import Estimate
from chillcast.proof.outcome import OWN, TWO_THIRDS, PolicyRow, SweepRow

_BLUE, _LIGHT, _GREY, _ORANGE = "#1f6fb2", "#a9cbe8", "#9aa7b2", "#d97706"


def draw(policies: Sequence[PolicyRow], changes: Sequence[SweepRow], path: Path) -> None:
    """Draw a proof in three parts, the swept assumptions below."""
    low = 0.8 + 0.24 * len(changes)
    figure = Figure(figsize=(12, 4.2 + low), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=[4.2, low])
    left, right = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    swept = figure.add_subplot(grid[1, :])
    _downtime(left, policies)
    _prices(right, policies)
    _swept(swept, changes)
    for axes in (left, right, swept):
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_fontsize(11)
    figure.savefig(path, dpi=110)


def _downtime(axes: Axes, policies: Sequence[PolicyRow]) -> None:
    places = range(len(policies))
    colours = [_BLUE if row.policy == OWN else _GREY for row in policies]
    axes.barh(places, [row.unplanned_h.value or 0.0 for row in policies], color=colours)
    axes.barh(
        places,
        [row.planned_h.value or 0.0 for row in policies],
        left=[row.unplanned_h.value or 0.0 for row in policies],
        color=_LIGHT,
        label="planned repairs",
    )
    for place, row in zip(places, policies, strict=True):
        _whisker(axes, place, row.unplanned_h, "#1b2733")
    axes.set_yticks(places, [row.policy for row in policies])
    axes.invert_yaxis()
    axes.set(xlabel="hours a machine-year", title="Hours that machines stand: unplanned, then planned")
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _prices(axes: Axes, policies: Sequence[PolicyRow]) -> None:
    shown = [row for row in policies if row.crew_h_per_avoided_h.value is not None]
    places, prices = range(len(shown)), [row.crew_h_per_avoided_h.value or 0.0 for row in shown]
    axes.barh(places, prices, color=[_BLUE if row.policy == OWN else _GREY for row in shown])
    for place, price in zip(places, prices, strict=True):
        axes.text(max(price, 0.0), place, f"  {price:.2f}", va="center")
    axes.set_yticks(places, [row.policy for row in shown])
    axes.invert_yaxis()
    axes.axvline(0, color="#1b2733", linewidth=0.8)
    axes.set(xlabel="more crew hours", title="Price of an avoided hour of unplanned downtime")


def _swept(axes: Axes, changes: Sequence[SweepRow]) -> None:
    places = range(len(changes))
    own = changes[0].less_unplanned.value or 0.0
    for place, row in zip(places, changes, strict=True):
        _whisker(axes, place, row.less_unplanned, _BLUE)
    points = {
        ("chillcast", "o", _BLUE): [row.less_unplanned for row in changes],
        ("rules", "x", _ORANGE): [row.rules_less_unplanned for row in changes],
        ("oracle", "|", "#1b2733"): [row.oracle_less_unplanned for row in changes],
    }
    for (label, marker, colour), found in points.items():
        axes.plot([one.value or 0.0 for one in found], places, marker, color=colour, label=label)
    axes.axvline(own, color=_BLUE, linewidth=0.8, linestyle="--", label="chillcast as assumed")
    axes.axvline(TWO_THIRDS, color="#b91c1c", linewidth=0.8, linestyle=":", label="two thirds")
    axes.set_yticks(places, [row.name for row in changes], fontsize=8)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(axis="x", alpha=0.25)
    axes.set(xlabel="less unplanned downtime than without alerts", title="What the reduction hangs on")
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.04), ncols=5)


def _whisker(axes: Axes, place: int, found: Estimate, colour: str) -> None:
    if found.low is not None and found.high is not None:
        axes.plot([found.low, found.high], [place, place], color=colour, linewidth=1.2, alpha=0.8)
