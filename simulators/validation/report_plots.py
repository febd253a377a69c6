"""The pictures of the simulator's report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from models.fleet.fleet import Fleet
from models.telemetry.samples import Float32
from simulators.validation.laboratory import LOAD, LOADS, REGRESSION, TRIALS, penalty, published
from simulators.validation.report import COMMON
from simulators.validation.thresholds import Threshold

_COLOURS = ("#2965cc", "#d9822b", "#c23030")
_DPI = 80


def draw_penalties(path: Path) -> None:
    """Draw the power penalty over the levels tested, simulated and published, at three loads."""
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    for axis, fault in zip(figure.subplots(1, len(REGRESSION)), REGRESSION, strict=True):
        levels = TRIALS[fault].levels
        for load, colour in zip(LOADS, _COLOURS, strict=True):
            at = load == LOAD
            ours, theirs = ([100 * f(fault, x)[at].mean() for x in levels] for f in (penalty, published))
            axis.plot([100 * x for x in levels], ours, color=colour, label=f"load {load}")
            axis.plot([100 * x for x in levels], theirs, "o", color=colour, ms=4)
        axis.set_title(fault, fontsize=10)
        axis.set_xlabel("level, %")
    figure.axes[0].set_ylabel("more power, %\n(lines simulated, dots published)", fontsize=9)
    figure.axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=_DPI)


def draw_distributions(ours: Float32, fleet: Fleet, real: Float32, real_fleet: Fleet, path: Path) -> None:
    """Draw histograms of the running readings (n, S) that both fleets publish."""
    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.subplots(3, 4).ravel()
    for axis, (key, other) in zip(axes, COMMON.items(), strict=False):
        point = fleet.sensors[fleet.keys.index(key)]
        pair = ours[:, fleet.keys.index(key)], real[:, real_fleet.keys.index(other)]
        ranges = [np.nanpercentile(v, [0.5, 99.5]) for v in pair]
        span = (min(r[0] for r in ranges), max(r[1] for r in ranges))
        for values, label, colour in zip(pair, ("simulated", "real"), _COLOURS, strict=False):
            axis.hist(values, bins=50, range=span, density=True, alpha=0.55, color=colour, label=label)
        axis.set_title(f"{key}, {point.unit}", fontsize=9)
        axis.set_yticks([])
    axes[0].legend(fontsize=8)
    for axis in axes[len(COMMON) :]:
        axis.set_axis_off()
    figure.savefig(path, dpi=_DPI)


def draw_days(curves: dict[str, tuple[Sequence[float], Sequence[float]]], path: Path) -> None:
    """Draw means by the hour of the day, one panel each: simulated, and real local time."""
    figure = Figure(figsize=(11, 3), layout="constrained")
    for axis, (title, pair) in zip(figure.subplots(1, len(curves)), curves.items(), strict=True):
        for curve, label, colour in zip(pair, ("simulated", "real"), _COLOURS, strict=False):
            axis.plot(range(24), curve, color=colour, label=label)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("hour of the day")
        axis.set_xticks(range(0, 24, 6))
    figure.axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=_DPI)


def draw_thresholds(best: Sequence[Threshold], path: Path) -> None:
    """Draw what the best threshold of every sensor announces."""
    figure = Figure(figsize=(8, 0.28 * len(best) + 1.0), layout="constrained")
    axis = figure.subplots()
    names = [f"{t.sensor} {'high' if t.above else 'low'}" for t in best]
    axis.barh(names, [100 * t.recall for t in best], color=_COLOURS[0])
    axis.invert_yaxis()
    axis.set_xlim(0, 100)
    axis.set_xlabel("safety shutdowns announced, %")
    axis.tick_params(axis="y", labelsize=8)
    figure.savefig(path, dpi=_DPI)
