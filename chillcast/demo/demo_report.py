"""The demonstration's report: a table for the terminal, JSON for a program, a picture for a person."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from rich.table import Table

from chillcast.demo.case_quality import CaseQuality
from chillcast.demo.demo import DemoResult
from chillcast.terminal.reporter import Reporter
from models.evaluation.events import EventReport
from models.risk.wording import percent
from models.telemetry.samples import Event, utc


def present(result: DemoResult, folder: Path, reporter: Reporter) -> None:
    """Write report and picture into ``folder``, print the table, and say what to try next."""
    folder.mkdir(parents=True, exist_ok=True)
    report = as_json(result)
    path = folder / "report.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    picture = folder / "report.png"
    draw(result, picture)
    reporter.console.print(_table(result.report, result.false_alarms_with_a_fault))
    reporter.console.print(quality_table(result.quality))
    _say_misses(result.report, reporter)
    reporter.line(f"\nreport: {path}\npicture: {picture}")
    reporter.line(f"everything written lies under {folder.parent}; delete it to start afresh")
    reporter.line("next: .venv/bin/chillcast page   (the fleet by risk, in a browser)")
    reporter.line("      .venv/bin/chillcast models list   (what was registered)")


def as_json(result: DemoResult) -> dict[str, Any]:
    """Return the report's content; ``missed`` lists asset, cause and time."""
    report, plan = result.report, result.plan
    return {
        "shutdowns": report.shutdowns,
        "alerted": report.alerted,
        "cleared_then_tripped": result.cleared_then_tripped,
        "case_quality": msgspec.to_builtins(result.quality),
        "lead_days_median": report.lead_days_median,
        "lead_days": [round(d, 2) for d in report.lead_days],
        "false_alarms": len(report.false_alarms),
        "false_alarms_with_a_fault": result.false_alarms_with_a_fault,
        "false_alarms_per_asset_year": report.false_alarms_per_asset_year,
        "missed": [_missed(event, result) for event in report.missed],
        "from": utc(plan.until_ms),
        "until": utc(plan.end_ms),
        "model": result.version,
        "dead_letters": len(result.gathered.dead_letters),
        "drift_signals": sum(d.detector == "adwin" for d in result.gathered.drift),
        "log_loss": result.log_loss,
        "seconds": round(result.seconds, 1),
    }


def _missed(event: Event, result: DemoResult) -> dict[str, Any]:
    return {
        "asset": event.asset,
        "cause": event.code,
        "time": utc(event.time_ms),
        "had_precursor": result.had_precursor(event),
    }


def draw(result: DemoResult, path: Path) -> None:
    """Draw every shutdown of the replay with the case that announced it, or none."""
    report = result.report
    events = sorted(e for e in result.events if result.plan.until_ms < e.time_ms and e.kind == "shutdown")
    figure = Figure(figsize=(10, 0.28 * len(events) + 2.2), layout="constrained")
    axes = figure.subplots()
    for row, event in enumerate(events):
        _draw_event(axes, row, event, result)
    axes.set_yticks(range(len(events)), [f"{e.asset}  {e.code}" for e in events], fontsize=8)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.xaxis.set_major_locator(AutoDateLocator())
    axes.xaxis.set_major_formatter(ConciseDateFormatter(AutoDateLocator()))
    axes.set_xlabel("date (UTC)")
    lead = f", median {report.lead_days_median:.1f} days ahead" if report.lead_days else ""
    axes.set_title(
        f"{report.alerted} of {report.shutdowns} safety shutdowns alerted{lead}; "
        f"{report.false_alarms_per_asset_year:.2f} false alarms per machine and year",
        fontsize=11,
    )
    _legend(axes)
    figure.savefig(path, dpi=110)


def _draw_event(axes: Axes, row: int, event: Event, result: DemoResult) -> None:
    for opened_ms, until_ms in result.cases_before(event):
        axes.plot([_date(opened_ms), _date(until_ms)], [row, row], color="#d97706", lw=4, alpha=0.5)
        axes.plot(_date(opened_ms), row, marker=">", color="#d97706")
    colour = "#b91c1c" if result.had_precursor(event) else "#9ca3af"
    axes.plot(_date(event.time_ms), row, marker="X", color=colour, markersize=8)


def _legend(axes: Axes) -> None:
    axes.plot([], [], marker=">", color="#d97706", lw=4, alpha=0.6, label="alert open")
    axes.plot([], [], marker="X", color="#b91c1c", ls="", label="shutdown with a precursor")
    axes.plot([], [], marker="X", color="#9ca3af", ls="", label="sudden shutdown (no precursor)")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.08), ncols=3, fontsize=8, frameon=False)


def _date(time_ms: int) -> float:
    return float(date2num(datetime.fromtimestamp(time_ms / 1000, UTC)))


def _table(report: EventReport, faulty: int) -> Table:
    table = Table(title="Safety shutdowns in the replay", show_header=False, title_justify="left")
    table.add_row("shutdowns", str(report.shutdowns))
    table.add_row("alerted beforehand", str(report.alerted))
    if report.lead_days:
        leads = sorted(report.lead_days)
        table.add_row(
            "lead time, days", f"median {report.lead_days_median:.1f}, {leads[0]:.1f} to {leads[-1]:.1f}"
        )
    table.add_row("false alarms", str(len(report.false_alarms)))
    table.add_row("… on machines with a fault under way", str(faulty))
    table.add_row("… per machine and year", f"{report.false_alarms_per_asset_year:.2f}")
    table.add_row("observed, machine-years", f"{report.asset_years:.1f}")
    return table


def quality_table(quality: CaseQuality) -> Table:
    """Return what the cases were worth to who works on them."""
    table = Table(title="What the cases said", show_header=False, title_justify="left")
    table.add_row("cases that opened", str(quality.cases))
    table.add_row("… on a machine with a fault under way", str(quality.with_a_fault))
    table.add_row("… … a failure mode was named", str(quality.mode_named))
    table.add_row("… … and it was under way", str(quality.mode_right))
    if quality.mode_said is not None:
        table.add_row("… … said to be, on average", percent(quality.mode_said))
    table.add_row("… … the first sensor shown tells of the fault", str(quality.first_sensor_plausible))
    table.add_row("… … any sensor shown does", str(quality.any_sensor_plausible))
    table.add_row("shutdowns after their case was cleared", str(quality.cleared_then_tripped))
    return table


def _say_misses(report: EventReport, reporter: Reporter) -> None:
    causes: dict[str, list[str]] = {}
    for event in report.missed:
        causes.setdefault(event.code, []).append(event.asset)
    for cause, assets in sorted(causes.items(), key=lambda item: -len(item[1])):
        reporter.line(f"missed  {cause}: {', '.join(assets)}")
