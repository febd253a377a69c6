"""A picture of one simulated machine's life: its sensors, its faults, and what its controller logged."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ConfigError
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, Float32, Int64, TimeSlice
from simulators.truth import FaultRecord

_PANELS = 4
_LAST_MS = 3 * DAY_MS
_LINES = {
    "override": "#d9822b",
    "cycling": "#8c6bb1",
    "shutdown": "#c23030",
    "restart": "#29a634",
    "maintenance": "#2965cc",
}


@dataclass(frozen=True, slots=True)
class Life:
    """One machine: its samples in order of time, its events, and the faults it had."""

    asset: str
    time_ms: Int64
    values: Float32
    events: tuple[Event, ...]
    faults: tuple[FaultRecord, ...]


def chosen(asset: str | None, assets: Sequence[str], faults: Iterable[FaultRecord]) -> str:
    """Return the machine to draw: the one asked for, else that whose shutdown took longest to develop.

    Raises ConfigError for a machine that the scenario does not have.
    """
    if asset is None:
        fault = _longest(faults)
        return fault.asset if fault else assets[0]
    if asset not in assets:
        raise ConfigError("command line", "--asset", asset, f"{assets[0]} to {assets[-1]}")
    return asset


def _longest(faults: Iterable[FaultRecord]) -> FaultRecord | None:
    """Return the fault that was longest under way before it was mended after a shutdown."""
    mended = [f for f in faults if f.ended_by == "repair"]
    return max(mended, key=lambda f: (f.end_ms or 0) - f.begin_ms, default=None)


def life_of(asset: str, slices: Iterable[TimeSlice], faults: Iterable[FaultRecord]) -> Life:
    """Keep what slices say of one machine."""
    times, values, events = [], [], list[Event]()
    for part in slices:
        rows = part.samples.asset == part.samples.assets.index(asset)
        times.append(part.samples.time_ms[rows])
        values.append(part.samples.values[rows])
        events += [e for e in part.events if e.asset == asset]
    mine = tuple(f for f in faults if f.asset == asset)
    return Life(asset, np.concatenate(times), np.concatenate(values), tuple(events), mine)


def draw(life: Life, fleet: Fleet, path: Path) -> None:
    """Draw the sensors that its longest fault moved most, one panel each, while the machine runs."""
    from matplotlib.figure import Figure  # noqa: PLC0415  (heavy: only pictures need it)

    sensors = moved_most(life, fleet)
    figure = Figure(figsize=(12, 2.2 * len(sensors) + 1.2), layout="constrained")
    axes = figure.subplots(len(sensors), 1, sharex=True, squeeze=False)[:, 0]
    runs = _running(life, fleet)
    times = life.time_ms[runs].astype("datetime64[ms]")
    for axis, sensor in zip(axes, sensors, strict=True):
        point = fleet.sensors[sensor]
        axis.plot(times, life.values[runs, sensor], ".", ms=1, color="#5c7080", alpha=0.5)
        axis.set_ylabel(f"{point.label}\n{point.unit}", fontsize=8)
        axis.set_ylim(*_range(life.values[runs, sensor]))
        axis.ticklabel_format(axis="y", useOffset=False)
        _mark(axis, life, last_ms=int(life.time_ms[-1]))
    _legend(axes[0])
    axes[0].set_title(f"{life.asset}: {_told(life)}", loc="left", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def moved_most(life: Life, fleet: Fleet) -> list[int]:
    """Return the sensors that the longest fault had moved most at its end, against their usual spread."""
    fault, runs = _longest(life.faults), _running(life, fleet)
    begin_ms, end_ms = (fault.begin_ms, fault.end_ms or 0) if fault else (0, 0)
    last = runs & (life.time_ms < end_ms) & (life.time_ms >= max(begin_ms, end_ms - _LAST_MS))
    usual = runs & ((life.time_ms < begin_ms) | (life.time_ms > end_ms + _LAST_MS))
    if last.sum() < 2 or usual.sum() < 2:
        return list(range(min(_PANELS, len(fleet.sensors))))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # a sensor that said nothing has no median
        low, middle, high = np.nanpercentile(life.values[usual], [10, 50, 90], axis=0)
        moved = np.abs(np.nanmedian(life.values[last], axis=0) - middle) / (high - low)
    moved = np.nan_to_num(moved, nan=0.0, posinf=0.0)
    return [int(i) for i in np.argsort(-moved, kind="stable")[:_PANELS]]


def _running(life: Life, fleet: Fleet) -> Any:
    if fleet.running is None:
        return np.ones(len(life.time_ms), bool)
    return life.values[:, fleet.keys.index(fleet.running.sensor)] > fleet.running.above


def _range(values: Float32) -> tuple[float, float]:
    """Return what shows nearly all values: a zero for null must not flatten the rest."""
    low, high = np.nanpercentile(values, [0.5, 99.5]) if np.isfinite(values).any() else (0.0, 1.0)
    margin = 0.15 * max(high - low, 1e-6)
    return low - margin, high + margin


def _mark(axis: Any, life: Life, last_ms: int) -> None:
    for i, fault in enumerate(life.faults):
        begin, end = (np.datetime64(ms, "ms") for ms in (fault.begin_ms, fault.end_ms or last_ms))
        axis.axvspan(begin, end, color="#f5e0a3", alpha=0.5, lw=0)
        top = axis.get_xaxis_transform()
        height = 0.97 - 0.09 * (i % 3)  # faults that begin together stay readable
        axis.text(begin, height, fault.kind, transform=top, fontsize=7, va="top", clip_on=True)
    for event in life.events:
        colour = _LINES.get(event.kind, "#5c7080")
        axis.axvline(np.datetime64(event.time_ms, "ms"), color=colour, lw=0.9, alpha=0.8)


def _legend(axis: Any) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415
    from matplotlib.patches import Patch  # noqa: PLC0415

    lines = [Line2D([], [], color=colour, label=kind) for kind, colour in _LINES.items()]
    shade = Patch(color="#f5e0a3", alpha=0.5, label="fault under way")
    axis.legend(handles=[shade, *lines], ncols=6, fontsize=7, loc="lower right", bbox_to_anchor=(1, 1.0))


def _told(life: Life) -> str:
    trips = [e.code for e in life.events if e.kind == "shutdown"]
    return f"{len(life.faults)} faults, shutdowns: {', '.join(trips) or 'none'}"
