"""What the commands share: options, and how a result is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
import typer

from chillcast.resources import Resources
from chillcast.shipped import find_file
from chillcast.terminal.reporter import Reporter
from chillcast.terminal.tables import as_text, table
from models.errors import ConfigError
from models.fleet.config import named, refuse

if TYPE_CHECKING:
    from simulators.fleet.scenario import Scenario

A = TypeVar("A")
B = TypeVar("B")
SHIPPED = "file, or the name of one that is shipped."


def finite(value: float | None) -> float | None:
    """Refuse what is no number, which a range lets pass."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("expected a finite number")
    return value


Home = Annotated[str | None, typer.Option(help="Folder for all that is written.", show_default=".chillcast")]
Broker = Annotated[
    str | None,
    typer.Option(help="host:port of Kafka, else CHILLCAST_BROKER; demo, up and replay can do without."),
]
FleetName = Annotated[str | None, typer.Option("--fleet", help=f"Fleet {SHIPPED}")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0)]
Horizon = Annotated[
    float | None, typer.Option(help="Days ahead; without it as the fleet file says.", callback=finite)
]
Dask = Annotated[
    str | None,
    typer.Option(
        help="Dask scheduler, as tcp://10.0.0.5:8786, on whose workers it is done (needs chillcast[cluster])."
    ),
]
Speed = Annotated[str, typer.Option(help="Event time per wall time: a number, or max.")]
ReplayBatch = Annotated[
    int | None, typer.Option(help="Seconds of event time in one message; without it one sampling period.")
]
Kafka = Annotated[bool, typer.Option("--kafka", help="Publish to a running Kafka and its workers.")]
From = Annotated[str | None, typer.Option("--from", help="Date or time (UTC) to begin at.")]
Until = Annotated[str | None, typer.Option(help="Date or time (UTC) to end before.")]
DirtFile = Annotated[Path | None, typer.Option(help="TOML file whose [dirt] table says what to corrupt.")]
Picture = Annotated[
    Path | None, typer.Option(help="File for a picture of one machine's life (.png, .svg, .pdf).")
]
Pictured = Annotated[
    str | None,
    typer.Option(help="Machine to plot; without it the one whose shutdown took longest to develop."),
]
Out = Annotated[Path | None, typer.Option(help="New or empty folder for a recording.")]
TrainUntil = Annotated[str | None, typer.Option(help="Learn from the days before this date (UTC).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


def asking(
    by_api: Callable[[Resources], A],
    by_broker: Callable[[Resources], B],
    home: str | None,
    fleet: str | None,
    broker: str | None,
) -> A | B:
    """Return what asks for a change: the API if its address is set and no broker is given, or the broker."""
    resources = Resources.open(home=home, fleet=fleet, broker=broker)
    return by_api(resources) if resources.settings.api_url and broker is None else by_broker(resources)


def reporter_of(resources: Resources) -> Reporter:
    """Return what tells the person at the terminal how far a command is, by the clock of its resources."""
    return Reporter(clock=resources.clock.monotonic_s)


def show(result: Mapping[str, Any], *, json: bool) -> None:
    """Print a result: as one JSON object, or in words and tables."""
    typer.echo(msgspec.json.encode(result).decode() if json else as_text(result))


def show_rows(rows: Sequence[Mapping[str, Any]], *, json: bool) -> None:
    """Print rows: as a JSON list, or as a table."""
    typer.echo(msgspec.json.encode(rows).decode() if json else table(rows) if rows else "none")


def need(module: str, extra: str, why: str) -> None:
    """Raise ConfigError if ``module``, which ``chillcast[extra]`` brings, is not installed."""
    if find_spec(module) is None:
        raise ConfigError(
            "installation", module, "not installed", f"it, {why}: pip install 'chillcast[{extra}]'"
        )


def scenario_of(name: str, **overrides: int | None) -> Scenario:
    """Read a scenario; what the command line gives wins."""
    from simulators.fleet.scenario import load_scenario, parse_scenario  # noqa: PLC0415

    chosen = asdict(load_scenario(find_file(name, "scenario")))
    given = {k: v for k, v in overrides.items() if v is not None}
    try:
        return parse_scenario({**chosen, **given}, "command line")
    except ConfigError as error:
        refuse([named(fault, "command line", f"--{fault.key}") for fault in error.faults])
        raise
