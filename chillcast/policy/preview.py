"""A policy tried on history: what it would have said, what of it was right, and what that is to people."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from chillcast.policy.history import RiskHistory, read_history
from chillcast.resources import Resources
from models.errors import ConfigError
from models.evaluation.policy_preview import Crew, PolicyTrials, Trial, reasons_of
from models.telemetry.samples import utc


def preview(
    resources: Resources, span_ms: tuple[int, int], threshold: float | None, crew: Crew, plot: Path | None
) -> dict[str, Any]:
    """Try the fleet's policy on what the store holds of [from, until); draw the trade-off into ``plot``.

    Without a ``threshold`` it is the newest that a case was opened with. Raises ConfigError if there is none.
    """
    fleet = resources.fleet
    with closing(resources.open_reader()) as reader:
        history = read_history(reader, fleet, *span_ms)
    trials = PolicyTrials(fleet.alerting, history.series, history.log)
    trial = trials.at(_threshold(history, threshold, is_needed=fleet.alerting.daily_share is None))
    curve = trials.curve()
    if plot is not None:
        from chillcast.policy.picture import draw  # noqa: PLC0415  (Matplotlib is slow to import)

        draw(trial, curve, plot)
    return {
        "from": utc(trials.start_ms),
        "until": utc(trials.end_ms),
        "machines": trials.machines,
        **in_figures(trial),
        **_load(trials, trial, crew),
        "worst_machines": [
            {"machine": name, "cases": cases, "false": false}
            for name, cases, false in trials.worst(trial.cases)
        ],
        "reasons": [
            {"suspected": what, "cases": cases}
            for what, cases in reasons_of(trial.cases, history.suspected, fleet.alerting.case_ms)
        ],
        "trade_off": [in_figures(one) for one in curve],
    }


def _threshold(history: RiskHistory, given: float | None, *, is_needed: bool) -> float:
    found = history.threshold if given is None else given
    if found is None and is_needed:
        expected = "a risk from which on cases open: no case was opened in this time that would name one"
        raise ConfigError("command line", "--threshold", None, expected)
    return found or 0.0


def in_figures(trial: Trial) -> dict[str, Any]:
    """Return what came of a threshold."""
    report = trial.report
    return {
        "threshold": round(trial.threshold, 4),
        "cases": len(trial.cases),
        "held": len(trial.held),
        "held_and_never_told": sum(one.told_ms is None for one in trial.held),
        "shutdowns": report.shutdowns,
        "announced": report.alerted,
        "lead_days_median": report.lead_days_median,
        "false_alarms": len(report.false_alarms),
        "false_alarms_per_machine_year": round(report.false_alarms_per_asset_year, 3),
        "unexplained_per_machine_year": round(report.unexplained_per_asset_year, 3),
    }


def _load(trials: PolicyTrials, trial: Trial, crew: Crew) -> dict[str, Any]:
    load = trials.load(trial.told, crew)
    return {
        "cases_per_person_and_shift": round(load.mean, 3),
        "most_in_a_shift": round(load.most, 2),
        "shifts_without_a_case": round(load.idle_share, 3),
        "floods": load.floods,
    }
