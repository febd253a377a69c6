"""The trade-off of a policy as a picture: shutdowns announced against alarms, at any threshold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from models.evaluation.metrics import share
from models.evaluation.policy_preview import Trial

_BLUE, _GREY = "#1f6fb2", "#9aa7b2"


def draw(trial: Trial, curve: Sequence[Trial], path: Path) -> None:
    """Draw the share of shutdowns announced, and their lead, against false alarms a machine-year."""
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    alarms = [one.report.false_alarms_per_asset_year for one in curve]
    left.plot(alarms, [_recall(one) for one in curve], "-o", color=_BLUE, markersize=3)
    here = trial.report.false_alarms_per_asset_year
    left.plot(here, _recall(trial), "o", color="black", label=_name(trial))
    left.set(ylim=(0, 1.02), title="Shutdowns announced")
    left.yaxis.set_major_formatter(PercentFormatter(1.0))
    left.legend(frameon=False, loc="lower right")
    right.plot(alarms, [one.report.lead_days_median or 0.0 for one in curve], "-o", color=_GREY, markersize=3)
    right.set(title="Days ahead (median)")
    for axes in (left, right):
        axes.set(xlabel="false alarms per machine-year", xlim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.savefig(path, dpi=110)


def _recall(trial: Trial) -> float:
    return share(trial.report.alerted, trial.report.shutdowns) or 0.0


def _name(trial: Trial) -> str:
    return f"threshold {trial.threshold:.3g}: {trial.report.alerted} of {trial.report.shutdowns}"
