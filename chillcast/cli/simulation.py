"""`chillcast simulate`: a fleet that does not exist, and what becomes of it."""

from __future__ import annotations

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
    Picture,
    Pictured,
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
    plot: Picture = None,
    asset: Pictured = None,
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

    resources = Resources.open(home=home, broker=broker, fleet=fleet)
    chosen = scenario_of(scenario, assets=assets, days=days, seed=seed)
    request = simulating.SimulationRequest(chosen, out, kafka, plot=plot, asset=asset)
    request = request.played(resources.fleet, speed, batch)
    done = simulating.simulate(resources.settings, resources.fleet, request, reporter_of(resources))
    show(done, json=json)
