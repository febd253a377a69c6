"""Runs every scenario of the library at full length and writes what comes of it into docs/simulator.md.

Of ``johnson-controls`` it takes the first 512 machines, which are the same in the whole fleet.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from models.fleet.fleet import load_fleet
from simulators.fleet.scenario import Scenario, load_scenario
from simulators.fleet.simulation import Simulation
from simulators.validation.report import table

ROOT = Path(__file__).parent.parent
MANUAL = ROOT / "docs" / "simulator.md"
CHILLERS = load_fleet(ROOT / "fleets" / "chiller.toml")
MOST = 512


def measured(scenario: Scenario) -> list[object]:
    """Return a line of the table: seconds are of the processor, all threads together, dirt included."""
    run = Simulation(scenario, CHILLERS)
    started, readings, kinds = time.process_time(), 0, list[str]()
    for part in run.delivered():
        readings += part.samples.values.size
        kinds += [event.kind for event in part.events]
    seconds = time.process_time() - started
    years = scenario.assets * scenario.days / 365.25
    foreseen = sum(s.has_precursor for s in run.shutdowns)
    share = f"{100 * foreseen / len(run.shutdowns):.0f} %" if run.shutdowns else "–"
    rates = [f"{kinds.count(kind) / years:.2f}" for kind in ("shutdown", "cycling", "override")]
    begun = f"{len(run.faults) / years:.2f}"
    size = [f"`{scenario.name}`", f"{scenario.assets:,}", scenario.days, f"{readings / 1e6:,.0f} M"]
    return [*size, f"{seconds:.0f}", begun, rates[0], share, *rates[1:]]


def main() -> None:
    """Run them all, and put the table where the manual has its marks."""
    head = ["scenario", "machines", "days", "readings", "seconds", "faults", "safety shutdowns"]
    head += ["with a precursor", "cycling shutdowns", "overrides"]
    rows = []
    scenarios = [load_scenario(path) for path in sorted((ROOT / "fleets" / "scenarios").glob("*.toml"))]
    next(Simulation(scenarios[0], CHILLERS).delivered())  # compiles what is compiled, once
    for scenario in scenarios:
        rows.append(measured(replace(scenario, assets=min(scenario.assets, MOST))))
    before, mark, rest = MANUAL.read_text(encoding="utf-8").partition("<!-- library -->\n")
    _, end, after = rest.partition("<!-- end -->\n")
    MANUAL.write_text(f"{before}{mark}{table(head, rows)}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
