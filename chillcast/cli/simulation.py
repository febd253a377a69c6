"""`chillcast simulate`: a fleet that does not exist, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chillcast.cli.options import (
    SHIPPED,
    AsJson,
    Broker,
    FleetName,
    Home,
    Kafka,
    Out,
    ReplayBatch,
    Speed,
    reporter_of,
    scenario_of,
    show,
)
from chillcast.resources import Resources


def simulate(
    scenario: Annotated[str, typer.Argument(help=f"Scenario {SHIPPED}")],
    *,
    out: Out = None,
    kafka: Kafka = False,
    speed: Speed = "max",
    batch: ReplayBatch = None,
    plot: Annotated[
        Path | None, typer.Option(help="File for a picture of one machine's life (.png, .svg, .pdf).")
    ] = None,
    asset: Annotated[
        str | None, typer.Option(help="Machine to plot; without it the first that trips.")
    ] = None,
    assets: Annotated[int | None, typer.Option(help="Number of machines.")] = None,
    days: Annotated[int | None, typer.Option(help="Days to simulate.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Simulate a fleet: into a recording, onto a running Kafka, or only to say what happens."""
    from chillcast.simulation import simulating  # noqa: PLC0415
    from simulators.replay.player import parse_speed  # noqa: PLC0415
    from simulators.replay.replay import batch_ms_of  # noqa: PLC0415

    resources = Resources.open(home=home, broker=broker, fleet=fleet)
    chosen = scenario_of(scenario, assets=assets, days=days, seed=seed)
    batch_ms_of(resources.fleet, batch)
    request = simulating.SimulationRequest(chosen, out, kafka, parse_speed(speed), batch, plot, asset)
    done = simulating.simulate(resources.settings, resources.fleet, request, reporter_of(resources))
    show(done, json=json)
