"""`chillcast retrain`: training again by itself, once or as a service."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from chillcast.cli.options import SHIPPED, AsJson, Broker, FleetName, Home, finite, show
from chillcast.resources import Resources
from chillcast.shipped import find_file
from chillcast.terminal import logs
from models.errors import ConfigError


def retrain(
    config: Annotated[
        str | None, typer.Argument(help=f"Retraining {SHIPPED} Without it CHILLCAST_RETRAINING.")
    ] = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once, and go on as far as that leads.")] = False,
    reason: Annotated[
        str, typer.Option(help="Begin now, whatever triggers; the reason is recorded. With --once.")
    ] = "",
    every: Annotated[
        float,
        typer.Option(help="Seconds between two looks of the service.", min=1, max=86_400, callback=finite),
    ] = 600,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Train again if something triggers it; shadow and promote what is better; look again until stopped."""
    from chillcast.models.modelling import Models  # noqa: PLC0415
    from chillcast.pipeline.record_telling import telling_the_record  # noqa: PLC0415
    from chillcast.retraining.retraining import Retraining  # noqa: PLC0415
    from chillcast.retraining.retraining_config import load_retraining  # noqa: PLC0415
    from chillcast.retraining.service import SERVICE, serve  # noqa: PLC0415
    from chillcast.terminal.person import by_terminal  # noqa: PLC0415
    from streams.alarms import alarm  # noqa: PLC0415

    if reason and not once:
        raise ConfigError("command line", "--reason", reason, "--once beside it: a service begins by itself")
    resources = Resources.open(home=home, broker=broker, fleet=fleet)
    settings = resources.settings
    name = config or settings.retraining
    if not name:
        raise settings.wrong("retraining", "a retraining file, or the name of one that is shipped")
    wanted = load_retraining(find_file(name, "retraining file"), resources.fleet)
    if once:
        done = Retraining(Models(resources), wanted, by_terminal(), alarm).look(reason)
        show(msgspec.to_builtins(done), json=json)
        return
    logs.configure(settings.log_level, settings.log_format)
    with telling_the_record(resources):
        serve(Retraining(Models(resources), wanted, SERVICE, alarm), every)
