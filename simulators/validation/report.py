"""The simulator's report: what it gets right, and how wrong it is, as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

import numpy as np

from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.telemetry.samples import Float32
from simulators.chiller.machines import MODELS, RATED_ENTERING_C, RATED_LEAVING_C, rated
from simulators.chiller.physics import steady
from simulators.truth import FaultRecord, ShutdownRecord
from simulators.validation.laboratory import (
    LOAD,
    LOADS,
    REGRESSION,
    SIGNS,
    TRIALS,
    agreement,
    error_points,
    penalty,
    published,
    wear,
)
from simulators.validation.thresholds import Threshold

SHOWN = 6
_PERCENTILES = (5, 50, 95)
_MOVES = {1: "rises", -1: "falls", 0: "stays"}
# What both fleets publish, ours first.
COMMON = {
    "chw_leaving_temp": "chw_leaving_temp",
    "cw_entering_temp": "cw_entering_temp",
    "evap_pressure": "evap_pressure",
    "evap_approach": "evap_approach",
    "cond_pressure": "cond_pressure",
    "cond_approach": "cond_approach",
    "discharge_temp": "discharge_temp",
    "oil_sump_temp": "oil_sump_temp",
    "bearing_temp": "bearing_temp",
    "winding_temp_a": "winding_temp",
    "motor_load": "motor_load",
}


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table.

    >>> print(table(["a", "b"], [[1, 2]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [head, *rows]
    shown = ["| " + " | ".join(map(str, line)) + " |" for line in lines]
    return "\n".join([shown[0], "|" + "---|" * len(head), *shown[1:]])


def signs() -> str:
    """Return, per fault and quantity, in how many of 27 conditions the sign is right at each level."""
    rows = []
    for fault, quantity, sign in SIGNS:
        test = TRIALS[fault]
        levels = "/".join(f"{100 * x:.0f}" for x in test.levels)
        right = agreement(fault, quantity, sign)
        rows.append([f"{test.code} {levels} %", f"`{fault}`", f"{quantity} {_MOVES[sign]}", *right])
    return table(["fault and levels", "in the model", "in the laboratory", "1", "2", "3", "4"], rows)


def penalties() -> str:
    """Return the power penalty at the worst level, simulated / published in %, and its errors in points."""
    rows = []
    for fault in REGRESSION:
        level = TRIALS[fault].levels[-1]
        ours, theirs = 100 * penalty(fault, level), 100 * published(fault, level)
        means = [f"{ours[q == LOAD].mean():.1f} / {theirs[q == LOAD].mean():.1f}" for q in LOADS]
        errors = [f"{error_points(fault, q):.1f}" for q in LOADS]
        rows.append([f"`{fault}`", *means, *errors, f"{error_points(fault):.1f}"])
    head = [f"load {q}" for q in LOADS] + [f"error at {q}" for q in LOADS]
    return table(["fault", *head, "error, all"], rows)


def design() -> str:
    """Return every model at its rated point."""
    rows = []
    for model in MODELS:
        at = np.ones(1), np.array(RATED_LEAVING_C), np.array(RATED_ENTERING_C)
        s = steady(rated(model), *at, wear())
        cop = f"{model.capacity_kw / s.power_kw[0]:.2f}"
        temperatures = (s.evaporating_c, s.condensing_c, s.discharge_c)
        rows.append([f"`{model.name}`", model.refrigerant, cop, *(f"{t[0]:.1f}" for t in temperatures)])
    return table(["model", "refrigerant", "COP", "evaporating °C", "condensing °C", "discharge °C"], rows)


def distributions(ours: Float32, fleet: Fleet, real: Float32, real_fleet: Fleet) -> str:
    """Return percentiles of running readings (n, S), simulated and real; NaN if a machine stands."""
    rows = []
    for key, other in COMMON.items():
        pair = ours[:, fleet.keys.index(key)], real[:, real_fleet.keys.index(other)]
        unit = fleet.sensors[fleet.keys.index(key)].unit
        cells = [" / ".join(f"{x:.1f}" for x in np.nanpercentile(v, _PERCENTILES)) for v in pair]
        rows.append([f"`{key}`", unit, *cells])
    return table(["reading", "unit", "simulated: 5 / 50 / 95 %", "real: 5 / 50 / 95 %"], rows)


def base_rates(shutdowns: Sequence[ShutdownRecord], asset_years: float) -> str:
    """Return shutdowns per chiller-year by the controller's code, and the share with a precursor."""
    codes = [code for code, _ in Counter(s.code for s in shutdowns).most_common()]
    rows = [_rate(code, [s for s in shutdowns if s.code == code], asset_years) for code in codes]
    total = _rate("", shutdowns, asset_years)
    return table(["shutdown", "number", "per chiller-year", "with a precursor"], [*rows, total])


def _rate(code: str, found: Sequence[ShutdownRecord], asset_years: float) -> list[str]:
    share = sum(s.has_precursor for s in found) / max(len(found), 1)
    name = f"`{code}`" if code else "all"
    return [name, str(len(found)), f"{len(found) / asset_years:.2f}", f"{100 * share:.0f} %"]


def causes(shutdowns: Sequence[ShutdownRecord], faults: Sequence[FaultRecord]) -> str:
    """Return shutdowns by the fault that led to them, and how long it had been under way."""
    rows = []
    for cause, number in Counter(_cause(s) for s in shutdowns).most_common():
        days = [d for s in shutdowns if _cause(s) == cause for d in _developed_d(s, faults)]
        begun = sum(f.kind == cause for f in faults)
        took = f"{median(days):.0f}" if days else "–"
        rows.append([f"`{cause}`", number, begun or "–", took])
    return table(["cause", "shutdowns", "faults begun", "days from onset, median"], rows)


def _cause(shutdown: ShutdownRecord) -> str:
    sudden = f"sudden: {shutdown.code}" if shutdown.is_sudden else "none found"
    return shutdown.cause or sudden


def _developed_d(shutdown: ShutdownRecord, faults: Sequence[FaultRecord]) -> list[float]:
    """Return how long the fault behind a shutdown had been under way, if it is known."""
    begun = [
        f.begin_ms
        for f in faults
        if (f.asset, f.kind) == (shutdown.asset, shutdown.cause) and f.begin_ms <= shutdown.time_ms
    ]
    return [(shutdown.time_ms - max(begun)) / DAY_MS] if begun else []


def thresholds(best: Sequence[Threshold]) -> str:
    """Return the best single-sensor thresholds: what they announce, how early, and how often in vain."""
    rows = []
    for t in best[:SHOWN]:
        lead = t.report.lead_days_median
        rows.append(
            [
                f"`{t.sensor}` {'>' if t.above else '<'} {t.limit:.4g}",
                f"{t.report.alerted} of {t.report.shutdowns} ({100 * t.recall:.0f} %)",
                "–" if lead is None else f"{lead:.1f}",
                f"{t.report.false_alarms_per_asset_year:.2f}",
            ]
        )
    head = ["threshold", "shutdowns announced", "lead time, days (median)", "false alarms per chiller-year"]
    return table(head, rows)


def by_hour(values: Float32, hour: Sequence[int]) -> list[float]:
    """Return the mean of ``values`` in each of the 24 hours, NaN left out; NaN for an hour without any."""
    hours = np.asarray(hour)
    groups = (values[(hours == h) & np.isfinite(values)] for h in range(24))
    return [float(g.mean()) if len(g) else float("nan") for g in groups]
