"""`chillcast cases …`: what is open, why, and what people do about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chillcast.cli.options import AsJson, Broker, FleetName, Home, asking, finite, show, show_rows
from chillcast.resources import Resources
from models.registry.promotion import whoever

if TYPE_CHECKING:
    from chillcast.cases.api_desk import ApiDesk
    from chillcast.cases.desk import Desk

app = typer.Typer(no_args_is_help=True, help="Cases: list, show, acknowledge, assign, resolve, export.")

Name = Annotated[str, typer.Argument(help="Case, or the machine that has it.", metavar="CASE")]
Who = Annotated[str | None, typer.Option(help="Who asks; without it the user of this session.")]
Text = Annotated[str, typer.Option(help="Words for the history.")]
Version = Annotated[
    int | None, typer.Option(help="Of the case as it was seen; without it as the store has it.", min=0)
]


@app.command("list")
def list_(
    *,
    state: Annotated[
        list[str] | None, typer.Option(help="new, acknowledged, snoozed, resolved or ended.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    mine: Annotated[bool, typer.Option("--mine", help="Those assigned to me.")] = False,
    unassigned: Annotated[bool, typer.Option("--unassigned", help="Those assigned to nobody.")] = False,
    search: Annotated[str, typer.Option(help="Words of machine, suspicion or text.")] = "",
    who: Who = None,
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """List the case of each machine that is open, the worst first."""
    from models.cases.case import STATES  # noqa: PLC0415

    states = list(STATES) if every else state or []
    assignee = user(who) if mine else "" if unassigned else None
    show_rows(_desk(home, fleet).rows(states, assignee, search), json=json)


@app.command("show")
def show_(name: Name, *, fleet: FleetName = None, home: Home = None, json: AsJson = False) -> None:
    """Say all that is known of a case: evidence, what to check, history."""
    show(_desk(home, fleet).show(name), json=json)


@app.command("ack")
def ack(
    name: Name,
    *,
    undo: Annotated[bool, typer.Option("--undo", help="Take it back.")] = False,
    text: Text = "",
    who: Who = None,
    version: Version = None,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Say that it was seen; that it gets worse is said all the same."""
    action = "unacknowledge" if undo else "acknowledge"
    desk = _asking(home, fleet, broker)
    show(desk.ask(name, action, who, version=version, text=text), json=json)


@app.command("assign")
def assign(
    name: Name,
    assignee: Annotated[str, typer.Argument(help="To whom; '' for nobody.")],
    *,
    text: Text = "",
    who: Who = None,
    version: Version = None,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Give it to somebody."""
    more = {"assignee": assignee, "text": text}
    show(_asking(home, fleet, broker).ask(name, "assign", who, version=version, **more), json=json)


@app.command("comment")
def comment(
    name: Name,
    text: Annotated[str, typer.Argument(help="What is to be said.")],
    *,
    who: Who = None,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Add words to its history."""
    show(_asking(home, fleet, broker).ask(name, "comment", who, text=text), json=json)


@app.command("snooze")
def snooze(
    name: Name,
    until: Annotated[
        str, typer.Argument(help="worse, cleared, a date or time of the site; or now, which lifts it.")
    ],
    *,
    text: Text = "",
    who: Who = None,
    version: Version = None,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Keep it quiet until a date, until it gets worse, or until it clears."""
    desk = _asking(home, fleet, broker)
    more: dict[str, Any] = {} if until == "now" else desk.until(name, until)
    action = "unsnooze" if until == "now" else "snooze"
    show(desk.ask(name, action, who, version=version, text=text, **more), json=json)


@app.command("resolve")
def resolve(
    name: Name,
    outcome: Annotated[
        str,
        typer.Argument(
            help="confirmed, confirmed-other, early-degradation, no-fault-found, sensor-fault, "
            "known-operational or not-inspected."
        ),
    ],
    *,
    mode: Annotated[str, typer.Option(help="Failure mode that was found.")] = "",
    cause: Annotated[str, typer.Option(help="What led to it.")] = "",
    remedy: Annotated[str, typer.Option(help="What was done.")] = "",
    downtime_h: Annotated[
        float | None, typer.Option(help="Hours that the machine stood.", min=0, callback=finite)
    ] = None,
    parts: Annotated[str, typer.Option(help="What was changed.")] = "",
    text: Text = "",
    who: Who = None,
    version: Version = None,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Say what it was: a label, from which models learn."""
    from chillcast.cases.desk import known_outcome  # noqa: PLC0415

    found = {"outcome": known_outcome(outcome), "mode": mode, "cause": cause, "remedy": remedy}
    more = {**found, "downtime_h": downtime_h, "parts": parts, "text": text}
    show(_asking(home, fleet, broker).ask(name, "resolve", who, version=version, **more), json=json)


@app.command("reopen")
def reopen(
    name: Name,
    *,
    text: Text = "",
    who: Who = None,
    version: Version = None,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Take up again what is over."""
    desk = _asking(home, fleet, broker)
    show(desk.ask(name, "reopen", who, version=version, text=text), json=json)


@app.command("export")
def export(
    *,
    out: Annotated[Path | None, typer.Option(help="File; without it standard output.")] = None,
    fleet: FleetName = None,
    home: Home = None,
) -> None:
    """Write every case there ever was as CSV."""
    said = _desk(home, fleet).export()
    if out is None:
        typer.echo(said, nl=False)
    else:
        out.write_text(said, encoding="utf-8")


def _desk(home: str | None, fleet: str | None) -> Desk:
    from chillcast.cases.desk import Desk  # noqa: PLC0415

    return Desk(Resources.open(home=home, fleet=fleet))


def _asking(home: str | None, fleet: str | None, broker: str | None) -> ApiDesk | Desk:
    from chillcast.cases.api_desk import ApiDesk  # noqa: PLC0415
    from chillcast.cases.desk import Desk  # noqa: PLC0415

    return asking(ApiDesk, Desk, home, fleet, broker)


def user(who: str | None) -> str:
    """Return who asks: as they say, or the user of this session."""
    return who or whoever()
