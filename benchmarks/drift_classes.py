"""Whether drift gets its right name, how soon, and how often one is called for nothing: writes docs/drift.md.

``python -m benchmarks.drift_classes``. A simulated fleet is watched as it is, with all its faults; then
something is done to it, some hundred times, from one day on.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.adaptation_page import table
from benchmarks.drift_fleet import HISTORY_D, WATCHED_D, Lived, Reference, lived
from benchmarks.drift_trials import Trial, Watch, of_instruments, of_machines, of_many, of_seasons
from chillcast.shipped import find_file
from models.adaptation.fleet_drift import FleetDrift, Moved
from models.adaptation.instruments import in_common
from models.adaptation.shared_drift import ERRORS
from models.adaptation.watched import LEARNING_D
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet, load_fleet
from simulators.fleet.scenario import load_scenario

SEED, ASSETS = 20264, 320
CLASSES = ("sensor", "machine", "population", "season")
NAMES = (*CLASSES, "nothing")
DOCS = Path(__file__).parent.parent / "docs"
JUDGED = ("off by 10 to 20 noises", "comes to 0.8 or more", "0.5 sd of half the fleet", "1 sd a month")
"""What a class is judged by: faults as they are when somebody should look."""
_LOWER, _MACHINES = (3.0, 3.5, 4.0), 4000
_MENDED_D, _MONTH_D, _DUMMY_D = 28, 30.4, 7


def classes(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return, for each kind of trial, what was said first, and how long it took."""
    kinds = dict.fromkeys((one.truth, one.what) for one in trials)
    return [
        _row(truth, what, [t for t in trials if (t.truth, t.what) == (truth, what)]) for truth, what in kinds
    ]


def _row(truth: str, what: str, trials: Sequence[Trial]) -> dict[str, Any]:
    named, right = Counter(t.named for t in trials), [t.right_d for t in trials if t.right_d is not None]
    said = {name: named[name] for name in NAMES}
    within = sum(days <= 2 for days in right) / len(trials)
    days = float(np.median(right)) if right else None
    return {
        "truth": truth,
        "what": what,
        "trials": len(trials),
        **said,
        "median_d": days,
        "within_48_h": within,
    }


def of_year(watch: Watch) -> dict[str, Any]:
    """Return what was said of the days as they were, and whether the simulator's truth knows of it."""
    said = [(day, one) for day, one in watch.year if not one.segment]
    true = Counter(one.cause for day, one in said if _is_true(watch.machines, day, one))
    counts, years = Counter(one.cause for _, one in said), WATCHED_D * len(watch.machines.assets) / 365
    return {
        name: {
            "said": counts[name],
            "true": true[name],
            "false_a_machine_year": (counts[name] - true[name]) / years,
        }
        for name in ("sensor", "machine")
    }


def _is_true(machines: Lived, day: int, one: Moved) -> bool:
    """Return whether a fault of the class is under way on the machine, or was mended in the last month."""
    now_ms = machines.start_ms + (HISTORY_D + day + 1) * DAY_MS
    own = (f for f in machines.faults if f.asset == one.machines[0])
    return any(
        f.is_of_instrument == (one.cause == "sensor")
        and f.begin_ms <= now_ms
        and (f.end_ms is None or f.end_ms > now_ms - _MENDED_D * DAY_MS)
        for f in own
    )


def false_signals(fleet: Fleet, watch: Watch) -> dict[str, Any]:
    """Return how many names of many machines came of nothing, a month, at limits down to three errors.

    None was true: nothing happened to many. What is too rare to be counted at the limit in force is told from
    the lower ones, whose logarithms lie on a line.
    """
    months, counts = (WATCHED_D - LEARNING_D) / _MONTH_D, dict[float, float]()
    for errors in _LOWER:
        other = FleetDrift(in_common(fleet), watch.machines.segments_of, errors)
        said = watch.days(other, watch.residuals, 0, len(watch.residuals))
        counts[errors] = sum(one.cause == "population" for _, one in said) / months
    limits, logs = (
        np.array([one for one, count in counts.items() if count]),
        np.log([count for count in counts.values() if count]),
    )
    slope, level = np.polyfit(limits, logs, 1)
    here = float(np.exp(level + slope * ERRORS))
    seen = Counter(one.cause for _, one in watch.year if one.segment)
    return {
        "at": {f"{errors:g}": count for errors, count in counts.items()},
        "limit": ERRORS,
        "seen": {name: seen[name] for name in ("population", "season")},
        "months": months,
        "told_a_month": here,
        "told_a_month_of_the_fleet": here * _MACHINES / len(watch.machines.assets),
    }


def dummy() -> dict[str, Any]:
    """Return how a watch would do that names a class at random every seven days, right or not."""
    rng, many = np.random.default_rng(1), 10_000
    wait_d = rng.integers(1, _DUMMY_D + 1, many)
    right = rng.integers(0, len(CLASSES), many) == 0
    within = float(((wait_d <= 2) & right).mean())
    return {"every_d": _DUMMY_D, "within_48_h": within, "right": float(right.mean())}


def segments(watch: Watch) -> dict[str, str]:
    """Return which parts of the fleet are shifted: half of it, and its commonest model."""
    models = Counter(watch.machines.segments_of(asset)[0] for asset in watch.machines.assets)
    return {"site:0": "half the fleet", max(sorted(models), key=models.__getitem__): "one model"}


def main() -> None:
    """Run everything and write the page."""
    began, fleet = time.process_time(), load_fleet(find_file("chiller", "fleet"))
    machines = lived(fleet, load_scenario(find_file("portfolio", "scenario")), SEED, ASSETS)
    reference = Reference(fleet, machines)
    started = time.process_time()
    watch = Watch(fleet, machines, reference)
    spent_s = time.process_time() - started
    parts = segments(watch)
    trials = [
        *of_instruments(watch, np.random.default_rng(SEED)),
        *of_machines(watch),
        *of_many(watch, parts, (0.5, 1.0)),
        *of_seasons(watch),
    ]
    report = {
        "seed": SEED,
        "machines": ASSETS,
        "streams": watch.residuals.shape[2] * ASSETS,
        "running": {name: watch.running_on(part) for part, name in parts.items()},
        "classes": classes(trials),
        "year": of_year(watch),
        "false": false_signals(fleet, watch),
        "dummy": dummy(),
        "us_per_value": 1e6 * spent_s / watch.residuals.size,
        "cpu_s": round(time.process_time() - began),
    }
    (DOCS / "drift.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (DOCS / "drift.md").write_text(page(report), encoding="utf-8")
    print(json.dumps(report, indent=1))


def page(report: dict[str, Any]) -> str:
    """Return the whole page."""
    rows = [
        [
            f"{r['truth']}, {r['what']}",
            *(str(r[n]) for n in NAMES),
            _days(r["median_d"]),
            f"{r['within_48_h']:.0%}",
        ]
        for r in report["classes"]
    ]
    chance = report["dummy"]
    by_chance = f"a name by chance every {chance['every_d']} days"
    rows.append([by_chance, *[""] * len(NAMES), "", f"{chance['within_48_h']:.0%}"])
    false, year = report["false"], report["year"]
    tail = [[f"{errors} errors", f"{count:.2f}"] for errors, count in false["at"].items()]
    parts = {
        "CLASSES": table(["what it was", *NAMES, "days, median", "within 48 h"], rows),
        "TAIL": table(["limit", "a month, of nothing"], tail),
        "YEAR": ", ".join(f"{one['said']} `{name}` ({one['true']} true)" for name, one in year.items()),
        "FALSE_SENSOR": f"{year['sensor']['false_a_machine_year']:.2f}",
        "FALSE_MACHINE": f"{year['machine']['false_a_machine_year']:.2f}",
        "SEEN": f"{false['seen']['population']} `population` and {false['seen']['season']} `season`",
        "MONTHS": f"{false['months']:.1f}",
        "TOLD_HERE": f"{false['told_a_month']:.3f}",
        "TOLD_FLEET": f"{false['told_a_month_of_the_fleet']:.1f}",
        "RUNNING": ", ".join(f"{count:.0f} of {name}" for name, count in report["running"].items()),
        "LIMIT": f"{false['limit']:g}",
        "MACHINES": str(report["machines"]),
        "STREAMS": f"{report['streams']:,}",
        "COST": f"{report['us_per_value']:.1f}",
        "CPU": str(report["cpu_s"]),
        "SEED": str(report["seed"]),
    }
    text = Path(__file__).with_name("drift.template.md").read_text(encoding="utf-8")
    for place, part in parts.items():
        text = text.replace(place, part)
    return text


def _days(days: float | None) -> str:
    return "" if days is None else f"{days:g}"


if __name__ == "__main__":
    main()
