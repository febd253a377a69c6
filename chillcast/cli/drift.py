"""`chillcast drift`: what drifted, what was done, and what the scores were worth meanwhile."""

from __future__ import annotations

import typer

from chillcast.cli.options import AsJson, FleetName, From, Home, Until, reporter_of, show
from chillcast.resources import Resources


def drift(
    *,
    fleet: FleetName = None,
    from_: From = None,
    until: Until = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Write a page of the drift that was told: by class, with evidence, over time, and what was done."""
    from chillcast.drift.drift import report_of  # noqa: PLC0415
    from chillcast.drift.report import write  # noqa: PLC0415
    from chillcast.training.datasets import parse_date  # noqa: PLC0415
    from models.event_time import LATEST_MS  # noqa: PLC0415

    resources = Resources.open(fleet=fleet, home=home)
    start_ms = parse_date(from_, "--from") if from_ else 0
    end_ms = parse_date(until, "--until") if until else LATEST_MS
    report = report_of(resources, (start_ms, end_ms))
    whole, page = write(report, resources.settings.home_path)
    reporter = reporter_of(resources)
    if json:
        typer.echo(whole.read_text(encoding="utf-8"))
    else:
        show(report.in_short, json=False)
    for path in (whole, page):
        reporter.line(f"written: {path}")
