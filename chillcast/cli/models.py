"""`chillcast models …`: what is registered, who is champion, and since when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from chillcast.cli.options import AsJson, FleetName, Home, finite, show, show_rows
from chillcast.terminal.reporter import Reporter

if TYPE_CHECKING:
    from chillcast.models.modelling import Models

app = typer.Typer(
    no_args_is_help=True, help="Registered models: register, compare, promote, roll back, history."
)

Number = Annotated[str, typer.Argument(help="Version in the registry.", metavar="VERSION")]
Reason = Annotated[str, typer.Option(help="The reason; it is recorded.")]


@app.command("list")
def list_(*, fleet: FleetName = None, home: Home = None, json: AsJson = False) -> None:
    """List the registered versions, newest first, with their roles and figures."""
    models = _models(home, fleet)
    found = models.versions()
    for text in models.strayed():
        Reporter().alarm(text)
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    rows = [
        {"version": v.version, "sha256": v.sha256[:12], "roles": list(v.aliases) or None, **v.metrics}
        for v in found
    ]
    show_rows(rows, json=False)


@app.command("show")
def show_(version: Number, *, fleet: FleetName = None, home: Home = None, json: AsJson = False) -> None:
    """Say all that is known of a version: its figures, where it comes from, what the gate said."""
    show(_models(home, fleet).show(version), json=json)


@app.command("compare")
def compare(
    version: Number,
    other: Annotated[str | None, typer.Argument(help="Another version; without it the champion.")] = None,
    *,
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Hold two versions against each other: their figures, and the gate's verdict."""
    show(_models(home, fleet).compare(version, other), json=json)


@app.command("register")
def register(
    model: Annotated[Path, typer.Argument(help="LightGBM model file, or a bundle's folder.")],
    *,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Risk at which to alert; without it the champion's.", min=0, max=1, callback=finite
        ),
    ] = None,
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Register a model of your own over the fleet's features, as the next version."""
    version = _models(home, fleet).register(model, threshold=threshold)
    show({"version": version}, json=json)


@app.command("promote")
def promote(
    version: Number,
    *,
    reason: Reason,
    override: Annotated[
        bool, typer.Option("--override", help="Promote it even if the gate refuses it.")
    ] = False,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Make it the challenger, which scores beside the champion.")
    ] = False,
    new_features: Annotated[
        bool,
        typer.Option(
            "--new-features",
            help="Promote it though it has other features, and was not in the shadow with them.",
        ),
    ] = False,
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Make a version the champion, if it passes the gate; running workers take it between two batches."""
    done = _models(home, fleet).promote(
        version, reason=reason, override=override, shadow=shadow, new_features=new_features
    )
    show(done, json=json)


@app.command("rollback")
def rollback(*, reason: Reason, fleet: FleetName = None, home: Home = None, json: AsJson = False) -> None:
    """Make the version before the champion the champion again; works also where the registry is away."""
    show(_models(home, fleet).rollback(reason=reason), json=json)


@app.command("history")
def history(*, fleet: FleetName = None, home: Home = None, json: AsJson = False) -> None:
    """Say who promoted what, when and why, and from which offset each partition scored with it."""
    show_rows(_models(home, fleet).history(), json=json)


@app.command("verify")
def verify(
    version: Annotated[str | None, typer.Argument(help="Version in the registry; without it all.")] = None,
    *,
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Check bundles as a worker would; exit code 1 if one fails."""
    rows = _models(home, fleet).verify(version)
    show_rows(rows, json=json)
    if not all(row["ok"] for row in rows):
        raise typer.Exit(1)


@app.command("package")
def package(
    version: Number,
    *,
    out: Annotated[Path, typer.Option(help="New or empty folder.")],
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Write a container build context that holds the workers and this version: `docker build DIR`."""
    show(_models(home, fleet).package(version, out), json=json)


def _models(home: str | None, fleet: str | None) -> Models:
    from chillcast.models.modelling import Models  # noqa: PLC0415  (heavy: loaded by the commands that need it)

    return Models.open(home, fleet)
