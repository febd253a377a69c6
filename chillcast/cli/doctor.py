"""`chillcast doctor`: all that the pipeline stands on, looked at."""

from __future__ import annotations

import logging

import typer

from chillcast.cli.options import AsJson, Broker, FleetName, Home
from chillcast.settings import read_settings


def doctor(
    *, fleet: FleetName = None, home: Home = None, broker: Broker = None, json: AsJson = False
) -> None:
    """Look at all that the pipeline stands on, and say what to do; exit code 1 if anything fails."""
    from chillcast.doctor.doctor import examine, healthy, to_json  # noqa: PLC0415

    logging.disable()  # what the clients would say stands in the findings
    findings = examine(lambda: read_settings(home=home, broker=broker, fleet=fleet))
    typer.echo(to_json(findings) if json else "\n".join(map(str, findings)))
    if not healthy(findings):
        raise typer.Exit(1)
