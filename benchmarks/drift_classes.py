"""Whether drift gets its right name, how soon, and how often one is called for nothing: writes docs/drift.md.

``python -m benchmarks.drift_classes``. A simulated year is watched as it is; then something is done to it, a
hundred times, from one day on: what the watch says that it did not say before is held against that.
"""

from __future__ import annotations

import copy
import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.adaptation_page import table
from benchmarks.drifting_fleet import SIGNALS, Champion, Seen, Table, seen
from chillcast.shipped import find_file
from models.adaptation.fleet_drift import FleetDrift, Moved
from models.event_time import DAY_MS
from models.fleet.fleet import load_fleet
from models.telemetry.samples import Int64
from simulators.fleet.scenario import load_scenario

SEED, BEGIN_D, STEP_D, RAMP_D = 20262, 200, 30, 60
_SIZES = {"site": (0.5, 1.0), "model": (0.5,)}
CLASSES = ("sensor", "machine", "population", "season")
DOCS = Path(__file__).parent.parent / "docs"
_MONTH_D, _WARM_D, _EACH, _DUMMY_D = 28, 80, 15, 7
_FIGURES = {"trials": "d", "found": "d", "median_h": ".0f", "within_48_h": ".0%", "within_72_h": ".0%"}
Said = list[tuple[int, Moved]]


@dataclass(frozen=True)
class Trial:
    """What is done to residuals (D, A, S) from a day on: its class, the machines (n,), and by how much."""

    truth: str
    what: str
    machines: Int64
    added: Table
    days: int = STEP_D


class Watch:
    """A year of residuals, watched as it is up to ``BEGIN_D``, and from there on with what is done to it."""

    def __init__(self, machines: Seen, residuals: Table) -> None:
        self.machines, self.residuals = machines, residuals
        self.begun = FleetDrift(residuals.shape[2], self.segments_of)
        self.year = list(self._days(copy.deepcopy(self.begun), residuals, 0, len(residuals)))
        list(self._days(self.begun, residuals, 0, BEGIN_D))

    def segments_of(self, asset: str) -> tuple[str, ...]:
        """Return the segments that are watched."""
        known = self.machines.inventory.machines[asset]
        return f"model:{known['model']}", f"site:{known['site']}"

    def new(self, trial: Trial) -> Said:
        """Return what is said with a trial, and not without it."""
        changed = self.residuals.copy()
        until = BEGIN_D + trial.days
        changed[BEGIN_D:until, trial.machines] += trial.added
        said = self._days(copy.deepcopy(self.begun), changed, BEGIN_D, until)
        known = {(day, one.cause, one.segment, one.machines[:1]) for day, one in self.year}
        return [
            (day, one) for day, one in said if (day, one.cause, one.segment, one.machines[:1]) not in known
        ]

    def _days(self, watch: FleetDrift, residuals: Table, begin: int, end: int) -> Iterable[tuple[int, Moved]]:
        for day in range(begin, end):
            month = residuals[max(day + 1 - _MONTH_D, 0) : day + 1]
            count = np.isfinite(month).sum(axis=0)
            mean = np.nansum(month, axis=0) / np.maximum(count, 1)
            moved = np.where(count > 0, residuals[day] - mean, np.nan).astype(np.float32)
            for asset, own in zip(self.machines.assets, moved, strict=True):
                watch.observe(asset, day, own)
            yield from ((day, one) for one in watch.advance(day))


def trials(watch: Watch) -> Iterable[Trial]:
    """Yield what is done: to one instrument, one machine, a site or model, and all."""
    rng, (_, assets, signals) = np.random.default_rng(SEED), watch.residuals.shape
    running = np.flatnonzero(np.isfinite(watch.residuals[BEGIN_D : BEGIN_D + 10]).all(axis=(0, 2)))
    steps, ramp = np.ones((STEP_D, 1, 1), np.float32), _ramp(15, STEP_D)
    for machine in rng.choice(running, _EACH, replace=False):
        of = rng.choice(signals, 1)
        yield Trial(
            "sensor", "3 sd", np.array([machine]), _on(of, signals, 3.0 * rng.choice([-1, 1])) * steps
        )
    for machine in rng.choice(running, _EACH, replace=False):
        of = rng.choice(signals, 4, replace=False)
        yield Trial("machine", "3 sd in 15 days", np.array([machine]), _on(of, signals, 3.0) * ramp)
    groups = {"site": "0", "model": "C-350"}
    for key, value in groups.items():
        members = np.flatnonzero([known == value for known in watch.machines.attribute(key)])
        for signal, size in [(s, size) for s in range(signals) for size in _SIZES[key]]:
            yield Trial("population", f"{size:g} sd", members, _on([signal], signals, size) * steps)
    everyone = np.arange(assets)
    for signal in range(signals):
        slow = _on([signal], signals, 2.0) * _ramp(RAMP_D, RAMP_D)
        yield Trial("season", "1 sd a month", everyone, slow, RAMP_D)


def judged(watch: Watch) -> dict[str, Any]:
    """Return the table of classes, the times of what was found, and the false signals of the year."""
    told, hours = Counter[tuple[str, str]](), dict[str, list[float]]()
    for trial in trials(watch):
        touched = {watch.machines.assets[i] for i in trial.machines.tolist()}
        said = [(day, one) for day, one in watch.new(trial) if touched & set(one.machines)]
        told[trial.truth, said[0][1].cause if said else "nothing"] += 1
        right = [day for day, one in said if one.cause == trial.truth]
        hours.setdefault(f"{trial.truth}, {trial.what}", []).append(
            24.0 * (right[0] - BEGIN_D + 1) if right else float("inf")
        )
    rows = [{"truth": truth, **{c: told[truth, c] for c in (*CLASSES, "nothing")}} for truth in CLASSES]
    return {"classes": rows, "hours": {name: _times(found) for name, found in hours.items()}}


def dummy() -> dict[str, Any]:
    """Return how a watch would do that names a class at random every seven days, right or not."""
    rng, many = np.random.default_rng(1), 10_000
    wait_d = rng.integers(1, _DUMMY_D + 1, many)
    right = rng.integers(0, len(CLASSES), many) == 0
    return {
        "every_d": _DUMMY_D,
        "within_48_h": float(((wait_d <= 2) & right).mean()),
        "right": float(right.mean()),
    }


def of_year(watch: Watch) -> dict[str, Any]:
    """Return what was said of the year as it was, and whether the simulator's truth knows of it."""
    counts = Counter(one.cause for day, one in watch.year if day >= _WARM_D)
    explained = Counter(
        one.cause for day, one in watch.year if day >= _WARM_D and _is_true(watch.machines, day, one)
    )
    months = (len(watch.residuals) - _WARM_D) / 30.4
    false = counts["population"] + counts["season"]
    return {
        "said": dict(counts),
        "true": dict(explained),
        "months": months,
        "false_per_month": false / months,
    }


def _is_true(machines: Seen, day: int, one: Moved) -> bool:
    """Return whether a fault of the class is under way on the machine, or was mended in the last month."""
    now_ms = machines.start_ms + (day + 1) * DAY_MS
    own = [
        f
        for f in machines.faults
        if f.asset in one.machines and f.is_of_instrument == (one.cause == "sensor")
    ]
    return len(one.segment) == 0 and any(
        f.is_under_way(ms) for f in own for ms in range(now_ms - 28 * DAY_MS, now_ms + 1, DAY_MS)
    )


def _on(signals: Iterable[int], count: int, size: float) -> Table:
    out = np.zeros((1, 1, count), np.float32)
    out[..., list(signals)] = size
    return out


def _ramp(days: int, length: int) -> Table:
    return np.minimum((np.arange(length, dtype=np.float32) + 1) / days, 1.0)[:, None, None]


def _times(hours: list[float]) -> dict[str, float | None]:
    found = [h for h in hours if np.isfinite(h)]
    middle = float(np.median(found)) if found else None
    return {
        "trials": len(hours),
        "found": len(found),
        "median_h": middle,
        "within_48_h": sum(h <= 48 for h in found) / len(hours),
        "within_72_h": sum(h <= 72 for h in found) / len(hours),
    }


def page(report: dict[str, Any]) -> str:
    """Return the whole page."""
    head = ["what it was", *CLASSES, "nothing"]
    classes = [[row["truth"], *(str(row[c]) for c in head[1:])] for row in report["judged"]["classes"]]
    times = [
        [name, *(f"{t[key] or 0:{form}}" for key, form in _FIGURES.items())]
        for name, t in report["judged"]["hours"].items()
    ]
    chance = report["dummy"]
    times.append(
        [f"a name by chance every {chance['every_d']} days", "", "", "", f"{chance['within_48_h']:.0%}", ""]
    )
    year = report["year"]
    words = ", ".join(
        f"{n} {cause} ({year['true'].get(cause, 0)} of them true)" for cause, n in year["said"].items()
    )
    parts = {
        "CLASSES": table(head, classes),
        "TIMES": table(["", "trials", "found", "median, h", "within 48 h", "within 72 h"], times),
        "YEAR": words,
        "FALSE": f"{year['false_per_month']:.2f}",
        "MACHINES": str(report["machines"]),
        "STREAMS": f"{report['streams']:,}",
        "COST": f"{report['us_per_value']:.2f}",
        "CPU": str(report["cpu_s"]),
        "SEED": str(report["seed"]),
    }
    text = Path(__file__).with_name("drift.template.md").read_text(encoding="utf-8")
    for place, part in parts.items():
        text = text.replace(place, part)
    return text


def main() -> None:
    """Run everything and write the page."""
    began = time.process_time()
    fleet = load_fleet(find_file("chiller", "fleet"))
    steady = load_scenario(find_file("portfolio", "scenario"))
    taught = replace(steady, seed=SEED, assets=128, days=400, start=date(2022, 10, 1))
    watched = replace(steady, seed=SEED + 1, assets=224, days=365, start=date(2023, 12, 1))
    machines = seen(fleet, watched, "A")
    residuals = Champion(fleet, seen(fleet, taught, "T")).residuals(machines)
    started = time.process_time()
    watch = Watch(machines, residuals)
    spent_s, values = time.process_time() - started, residuals.size * (1 + BEGIN_D / len(residuals))
    report = {"seed": SEED, "machines": len(machines.assets), "streams": len(machines.assets) * len(SIGNALS)}
    report |= {"judged": judged(watch), "dummy": dummy(), "year": of_year(watch)}
    report |= {"us_per_value": 1e6 * spent_s / values, "cpu_s": round(time.process_time() - began)}
    (DOCS / "drift.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (DOCS / "drift.md").write_text(page(report), encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
