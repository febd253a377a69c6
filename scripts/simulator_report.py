"""Writes docs/simulator-report.md and its pictures: ``python scripts/simulator_report.py MONASH_CSV``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from models.fleet.fleet import Fleet, load_fleet
from simulators.fleet.scenario import load_scenario
from simulators.fleet.simulation import Simulation
from simulators.recordings.recording import read_recording
from simulators.validation import report, report_plots
from simulators.validation.survey import Readings, running, survey
from simulators.validation.thresholds import ranked

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
FALSE_ALARMS_PER_YEAR = 1.0


def compared(seen: Readings, fleet: Fleet, path: Path) -> str:
    """Return the section on the two real chillers, or the line that says why there is none."""
    if not path.is_file():
        return f"Left out: the recording of the two real chillers, `{path.name}`, is not there."
    theirs = load_fleet(ROOT / "fleets" / "monash.toml")
    samples = read_recording(path, theirs).samples
    ours, real = running(seen.sample, fleet), samples.values.copy()
    real[real[:, theirs.keys.index("motor_load")] <= fleet.running.above] = float("nan")
    report_plots.draw_distributions(ours, fleet, real, theirs, IMAGES / "simulator-distributions.png")
    zone = ZoneInfo(theirs.recording.timezone)
    hours = [datetime.fromtimestamp(t / 1000, UTC).astimezone(zone).hour for t in samples.time_ms.tolist()]
    curves = {}
    for title, key, a, b in [
        ("motor load while running, %", "motor_load", ours, real),
        ("motor load, standing included, %", "motor_load", seen.sample, samples.values),
        ("condenser water entering while running, °C", "cw_entering_temp", ours, real),
    ]:
        pair = a[:, fleet.keys.index(key)], b[:, theirs.keys.index(key)]
        curves[title] = report.by_hour(pair[0], seen.hour.tolist()), report.by_hour(pair[1], hours)
    report_plots.draw_days(curves, IMAGES / "simulator-days.png")
    rows = [
        [title, *(f"{min(c):.1f} to {max(c):.1f}, highest at {c.index(max(c))} h" for c in pair)]
        for title, pair in curves.items()
    ]
    return "\n\n".join(
        [
            report.distributions(ours, fleet, real, theirs),
            "![Distributions](images/simulator-distributions.png)",
            report.table(["mean by the hour of the day", "simulated", "real"], rows),
            "![Mean days](images/simulator-days.png)",
        ]
    )


def main(monash: Path) -> None:
    """Simulate the demonstration's year, free of dirt, and write the report."""
    fleet = load_fleet(ROOT / "fleets" / "chiller.toml")
    run = Simulation(load_scenario(ROOT / "fleets" / "scenarios" / "demo.toml"), fleet)
    seen = survey(run.slices(), fleet)
    horizon_d = fleet.alerting.horizon_d
    plain, own = (
        ranked(seen, fleet.keys, horizon_d=horizon_d, per_year=FALSE_ALARMS_PER_YEAR, own=o)
        for o in (False, True)
    )
    report_plots.draw_penalties(IMAGES / "simulator-penalties.png")
    report_plots.draw_thresholds(plain[:20], IMAGES / "simulator-thresholds.png")
    page = (ROOT / "scripts" / "simulator_report.template.md").read_text(encoding="utf-8")
    parts = {
        "signs": report.signs(),
        "penalties": report.penalties(),
        "design": report.design(),
        "real": compared(seen, fleet, monash),
        "rates": report.base_rates(run.shutdowns, seen.asset_years),
        "causes": report.causes(run.shutdowns, run.faults),
        "plain": report.thresholds(plain),
        "own": report.thresholds(own),
    }
    for name, text in parts.items():
        page = page.replace(f"{{{{ {name} }}}}", text)
    (ROOT / "docs" / "simulator-report.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
