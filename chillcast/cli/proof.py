"""`chillcast prove`: what a forecast is worth to a maintenance team."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chillcast.cli.options import AsJson, Dask, Home
from chillcast.cluster import pool_of
from chillcast.settings import read_settings
from chillcast.shipped import find_file
from chillcast.terminal.plotting import keep_cache_under
from chillcast.terminal.reporter import Reporter


def prove(
    *,
    config: Annotated[
        Path | None, typer.Option(help="File of fleets and of all that is assumed; else the shipped one.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="All fleets of the file: hours, not minutes.")] = False,
    processes: Annotated[
        int | None, typer.Option(help="Fleets at a time; without it one per core.", min=1)
    ] = None,
    dask: Dask = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Send crews out under six policies on unseen fleets: downtime, repairs, visits, and their price."""
    settings = read_settings(home=home)
    keep_cache_under(settings.home_path)
    from chillcast.proof.proof import in_tables  # noqa: PLC0415
    from chillcast.proof.proof import prove as run  # noqa: PLC0415
    from chillcast.proof.proof_config import load_proof_config  # noqa: PLC0415
    from chillcast.proof.report import write  # noqa: PLC0415

    wanted = load_proof_config(config or find_file("portfolio", "proof")).chosen(full=full)
    reporter = Reporter()
    with pool_of(processes, dask) as pool:
        report = run(wanted, reporter, pool)
    whole, *others = write(report, settings.home_path)
    typer.echo(whole.read_text(encoding="utf-8") if json else in_tables(report))
    for path in (whole, *others):
        reporter.line(f"written: {path}")
