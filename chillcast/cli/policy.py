"""`chillcast policy …`: what another policy would have done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chillcast.cli.options import AsJson, FleetName, Home, finite, show
from chillcast.resources import Resources

app = typer.Typer(no_args_is_help=True, help="Policies: what one would have done on what the store holds.")


@app.command("preview")
def preview(
    *,
    fleet: FleetName = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            callback=finite,
            help="Risk to open cases at; by default the newest that was used.",
        ),
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Date or time (UTC) to begin at.")] = None,
    until: Annotated[str | None, typer.Option(help="Date or time (UTC) to end before.")] = None,
    people: Annotated[int, typer.Option(min=1, help="How many people answer at once.")] = 1,
    shift: Annotated[float, typer.Option(min=0.5, max=24.0, callback=finite, help="Hours of a shift.")] = 8.0,
    plot: Annotated[Path | None, typer.Option(help="File for the trade-off (.png, .svg, .pdf).")] = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Run the alerting of a fleet file over the risks in the store: cases, false alarms, lead, load."""
    from chillcast.policy import preview as trying  # noqa: PLC0415
    from chillcast.terminal.plotting import keep_cache_under  # noqa: PLC0415
    from chillcast.training.datasets import parse_date  # noqa: PLC0415
    from models.evaluation.policy_preview import Crew  # noqa: PLC0415
    from models.event_time import LATEST_MS  # noqa: PLC0415

    resources = Resources.open(fleet=fleet, home=home)
    keep_cache_under(resources.settings.home_path)
    start_ms = parse_date(from_, "--from") if from_ else 0
    end_ms = parse_date(until, "--until") if until else LATEST_MS
    found = trying.preview(resources, (start_ms, end_ms), threshold, Crew(people, shift), plot)
    show(found, json=json)
