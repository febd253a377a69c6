"""`chillcast notify …`: whether a channel works, and when nothing is to be sent."""

from __future__ import annotations

from typing import Annotated

import typer

from chillcast.cli.cases import user
from chillcast.cli.on_record import on_record
from chillcast.cli.options import AsJson, Broker, FleetName, Home, show
from chillcast.resources import Resources

app = typer.Typer(no_args_is_help=True, help="Notices of cases: test a channel, silence machines.")


@app.command("test")
def test(
    channel: Annotated[str, typer.Argument(help="Name of a channel, as CHILLCAST_CHANNELS has it.")],
    *,
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Send a notice that says it is a test; exit code 1 if it was not taken."""
    from chillcast.pipeline.telling import send_test  # noqa: PLC0415

    reference = send_test(Resources.open(fleet=fleet, home=home), channel)
    show({"sent": channel, "reference": reference or None}, json=json)


@app.command("silence")
def silence(
    until: Annotated[
        str, typer.Argument(help="Date or time, in the zone of the routes file; or now, which lifts it.")
    ],
    *,
    name: Annotated[str, typer.Option(help="Name of the silence; one takes the place of another.")] = "all",
    site: Annotated[list[str] | None, typer.Option(help="Of these sites only; again for more.")] = None,
    machine: Annotated[list[str] | None, typer.Option(help="Of these machines only.")] = None,
    mode: Annotated[list[str] | None, typer.Option(help="Of these suspected failure modes only.")] = None,
    text: Annotated[str, typer.Option(help="Why.")] = "",
    who: Annotated[str | None, typer.Option(help="Who asks; without it the user of this session.")] = None,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Send nothing until then; what is still open is told after it."""
    from chillcast.pipeline.telling import Quiet, send_silence  # noqa: PLC0415

    quiet = Quiet(name, until, tuple(site or ()), tuple(machine or ()), tuple(mode or ()), text, user(who))
    with on_record(home, "silence", f"silence {name}", f"until {until}, for {quiet.who}: {text}"):
        sent = send_silence(Resources.open(fleet=fleet, home=home, broker=broker), quiet)
    show(sent, json=json)
