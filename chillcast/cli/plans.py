"""`chillcast plans …`: when machines and sites are stopped on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from chillcast.cli.on_record import on_record
from chillcast.cli.options import AsJson, Broker, FleetName, Home, asking, show, show_rows
from chillcast.resources import Resources

if TYPE_CHECKING:
    from chillcast.cases.api_plans import ApiPlanDesk
    from chillcast.cases.plans import PlanDesk

app = typer.Typer(no_args_is_help=True, help="Planned stops of machines and sites: add, list, cancel.")

Machine = Annotated[str, typer.Option(help="The machine that is stopped.")]
Site = Annotated[str, typer.Option(help="Site of which all machines are, as the inventory names it.")]
Who = Annotated[str | None, typer.Option(help="Who asks; without it the user of this session.")]


@app.command("add")
def add(
    *,
    begins: Annotated[
        str, typer.Option("--from", help="Date or time of the site, as 2026-12-24 or 2026-12-01T08:00.")
    ],
    until: Annotated[str, typer.Option(help="Date, the whole of it, or time of the site.")],
    machine: Machine = "",
    site: Site = "",
    text: Annotated[str, typer.Option(help="Why.")] = "",
    who: Who = None,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Plan a stop: nobody is told of its machines meanwhile, and no shutdown within it is counted."""
    desk = _asking(home, fleet, broker)
    with on_record(home, "plan", f"plan of {site or machine}", f"{begins} to {until}: {text}"):
        planned = desk.add(who, begins=begins, ends=until, machine=machine, site=site, text=text)
    show(planned, json=json)


@app.command("list")
def list_(
    *,
    machine: Machine = "",
    site: Site = "",
    every: Annotated[bool, typer.Option("--all", help="Also those that are over or cancelled.")] = False,
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """List planned stops, the next first, with the times of their sites."""
    from chillcast.cases.plans import PlanDesk  # noqa: PLC0415

    desk = PlanDesk(Resources.open(home=home, fleet=fleet))
    show_rows(desk.rows(machine, site, every=every), json=json)


@app.command("cancel")
def cancel(
    plan: Annotated[str, typer.Argument(help="Name of the plan, as the list has it.")],
    *,
    who: Who = None,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Cancel a plan; one that is under way ends now."""
    desk = _asking(home, fleet, broker)
    with on_record(home, "cancel-plan", f"plan {plan}"):
        planned = desk.cancel(plan, who)
    show(planned, json=json)


def _asking(home: str | None, fleet: str | None, broker: str | None) -> ApiPlanDesk | PlanDesk:
    from chillcast.cases.api_plans import ApiPlanDesk  # noqa: PLC0415
    from chillcast.cases.plans import PlanDesk  # noqa: PLC0415

    return asking(ApiPlanDesk, PlanDesk, home, fleet, broker)
