"""`chillcast tokens …`: what programs show to the page's API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from chillcast.cli.options import AsJson, Home, show, show_rows
from chillcast.cli.users import Role
from chillcast.resources import Resources
from chillcast.terminal.person import by_terminal

if TYPE_CHECKING:
    from streams.access.api_tokens import ApiTokens

app = typer.Typer(no_args_is_help=True, help="Tokens of programs that use the API: create, list, revoke.")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Under which what it does stands.")],
    role: Role,
    *,
    days: Annotated[int, typer.Option(help="Days that it holds, at most 366.")] = 90,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Make a token and print it, this once."""
    token = _tokens(home).create(name, role, days, by_terminal())
    if json:
        show({"name": name, "role": role, "token": token}, json=True)
    else:
        typer.echo(token)


@app.command("list")
def list_(*, home: Home = None, json: AsJson = False) -> None:
    """List those that were not revoked, and until when they hold."""
    from models.telemetry.samples import utc  # noqa: PLC0415

    rows = [
        {"id": t.id, "name": t.name, "role": t.role, "made": utc(t.made_ms), "until": utc(t.ends_ms)}
        for t in _tokens(home).every()
    ]
    show_rows(rows, json=json)


@app.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(help="Its id, as list says.", metavar="ID")], *, home: Home = None
) -> None:
    """Revoke a token, at once."""
    _tokens(home).revoke(key, by_terminal())
    typer.echo(f"{key}: revoked")


def _tokens(home: str | None) -> ApiTokens:
    from streams.access.api_tokens import ApiTokens  # noqa: PLC0415

    return ApiTokens(Resources.open(home=home).audit)
