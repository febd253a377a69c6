"""`chillcast dead-letters …`: what nobody could use, why, and how to send it again."""

from __future__ import annotations

from typing import Annotated

import typer

from chillcast.cli.on_record import on_record
from chillcast.cli.options import AsJson, Broker, Home, show, show_rows
from chillcast.settings import read_settings
from models.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Messages that nobody could use: list, show, redrive.")


@app.command("list")
def list_(*, home: Home = None, broker: Broker = None, json: AsJson = False) -> None:
    """List the reasons, how many letters each has, and the newest of them."""
    from chillcast.pipeline.dead_letters import by_reason  # noqa: PLC0415

    show_rows(by_reason(read_settings(home=home, broker=broker)), json=json)


@app.command("show")
def show_(
    place: Annotated[str, typer.Argument(help="PARTITION/OFFSET, as list names it.")],
    *,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Print one letter with its message."""
    from chillcast.pipeline.dead_letters import look_into, read_letter  # noqa: PLC0415

    letter = read_letter(read_settings(home=home, broker=broker), place)
    if letter is None:
        raise ConfigError("command line", "place", place, "PARTITION/OFFSET, as dead-letters list names it")
    show(look_into(letter), json=json)


@app.command("redrive")
def redrive(
    reason: Annotated[str, typer.Argument(help="Words that the reason holds.")],
    *,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Send messages again once their reason is mended; what was used already counts once."""
    from chillcast.pipeline import dead_letters  # noqa: PLC0415

    settings = read_settings(home=home, broker=broker)
    with on_record(home, "redrive", "dead letters", reason):
        done = dead_letters.redrive(settings, reason)
    show(done, json=json)
