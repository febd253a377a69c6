"""`chillcast users …`: who signs in to the page, with which role."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from chillcast.cli.options import AsJson, Home, show_rows
from chillcast.resources import Resources
from chillcast.terminal.person import by_terminal

if TYPE_CHECKING:
    from streams.access.users import Users

app = typer.Typer(no_args_is_help=True, help="People who sign in to the page: add, list, change, remove.")

Name = Annotated[str, typer.Argument(help="Name that is signed in with.")]
Role = Annotated[str, typer.Argument(help="viewer, technician, lead, data-scientist or admin.")]


@app.command("add")
def add(name: Name, role: Role, *, home: Home = None) -> None:
    """Add somebody; the password is asked for, or read from standard input."""
    from streams.access.users import check_name, known_role  # noqa: PLC0415

    users = _users(home)
    check_name(name)
    known_role(role)
    users.add(name, role, _password(), by_terminal())
    typer.echo(f"{name}: {role}")


@app.command("list")
def list_(*, home: Home = None, json: AsJson = False) -> None:
    """List them with their roles."""
    from models.telemetry.samples import utc  # noqa: PLC0415

    rows = [{"name": u.name, "role": u.role, "added": utc(u.added_ms)} for u in _users(home).every()]
    show_rows(rows, json=json)


@app.command("role")
def role(name: Name, role: Role, *, home: Home = None) -> None:
    """Give somebody another role, at once."""
    _users(home).set_role(name, role, by_terminal())
    typer.echo(f"{name}: {role}")


@app.command("passwd")
def passwd(name: Name, *, home: Home = None) -> None:
    """Set another password; whoever is signed in with the old one, or locked out, is so no longer."""
    _users(home).set_password(name, _password(), by_terminal())
    typer.echo(f"{name}: password set")


@app.command("sign-out")
def sign_out(name: Name, *, home: Home = None) -> None:
    """End all sessions of somebody, also of one whom an OpenID provider knows."""
    ended = _users(home).sign_out(name, by_terminal())
    typer.echo(f"{name}: {ended} {'session' if ended == 1 else 'sessions'} ended")


@app.command("remove")
def remove(name: Name, *, home: Home = None) -> None:
    """Remove somebody, at once."""
    _users(home).remove(name, by_terminal())
    typer.echo(f"{name}: removed")


def _users(home: str | None) -> Users:
    from streams.access.users import Users  # noqa: PLC0415

    return Users(Resources.open(home=home).audit)


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
