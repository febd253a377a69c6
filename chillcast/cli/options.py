"""What the commands share: options, and how a result is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Annotated, Any

import msgspec
import typer

from chillcast.settings import Settings, read_settings
from chillcast.terminal.tables import as_text, table
from models.errors import ConfigError
from models.fleet.fleet import Fleet, load_fleet

SHIPPED = "file, or the name of one that is shipped."

Home = Annotated[str | None, typer.Option(help="Folder for all that is written.", show_default=".chillcast")]
Broker = Annotated[str | None, typer.Option(help="host:port of Kafka; without it an embedded broker.")]
FleetName = Annotated[str | None, typer.Option("--fleet", help=f"Fleet {SHIPPED}")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


def opened(**given: Any) -> tuple[Settings, Fleet]:
    """Return the settings, of which what the command line gives wins, and the fleet that they name.

    Raises ConfigError where home is a file: much would be done before the first thing is written.
    """
    settings = read_settings(**given)
    if settings.home_path.exists() and not settings.home_path.is_dir():
        raise settings.wrong("home", "a folder, or one that can be made")
    return settings, load_fleet(settings.fleet_path)


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
