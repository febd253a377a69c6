"""`chillcast models …`: what is registered, who is champion, and since when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from chillcast.cli.options import AsJson, FleetName, Home, show

if TYPE_CHECKING:
    from chillcast.models.modelling import Models

app = typer.Typer(
    no_args_is_help=True, help="Registered models: register, compare, promote, roll back, and their history."
)

Number = Annotated[str, typer.Argument(help="Version in the registry.", metavar="VERSION")]
Reason = Annotated[str, typer.Option(help="Why, in words; it is recorded.")]


@app.command("list")
def list_(*, fleet: FleetName = None, home: Home = None, json: AsJson = False) -> None:
    """List the registered versions, newest first, with their roles and figures."""
    found = _models(home, fleet).versions()
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    for version in found:
        figures = " ".join(f"{key}={value:.4f}" for key, value in sorted(version.metrics.items()))
        roles = ",".join(version.aliases)
        typer.echo(f"{version.version:>4}  {version.sha256[:12]}  {roles:<10} {figures}".rstrip())


@app.command("show")
def show_(version: Number, *, fleet: FleetName = None, home: Home = None, json: AsJson = False) -> None:
    """Say all that is known of a version: its figures, where it comes from, what the gate said."""
    show(_models(home, fleet).show(version), json=json)


@app.command("compare")
def compare(
    version: Number,
    other: Annotated[str | None, typer.Argument(help="Another version; else the champion.")] = None,
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
        float | None, typer.Option(help="Risk at which to alert; else the champion's.")
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
    override: Annotated[bool, typer.Option("--override", help="Also where the gate refuses it.")] = False,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="As challenger, which scores beside the champion.")
    ] = False,
    new_features: Annotated[
        bool, typer.Option("--new-features", help="Also where workers have to be restarted for it.")
    ] = False,
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Make a version the champion, if it passes the gate; running workers take it between two batches."""
    models = _models(home, fleet)
    done = models.promote(version, reason=reason, override=override, shadow=shadow, new_features=new_features)
    show(done, json=json)


@app.command("rollback")
def rollback(*, reason: Reason, fleet: FleetName = None, home: Home = None, json: AsJson = False) -> None:
    """Make the version before the champion the champion again; works also where the registry is away."""
    show(_models(home, fleet).rollback(reason=reason), json=json)


@app.command("history")
def history(*, fleet: FleetName = None, home: Home = None, json: AsJson = False) -> None:
    """Say who promoted what, when and why, and from which offset each partition scored with it."""
    rows = _models(home, fleet).history()
    if json:
        typer.echo(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        typer.echo(_line(row))


@app.command("verify")
def verify(
    version: Annotated[str | None, typer.Argument(help="Version in the registry; else all.")] = None,
    *,
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Check bundles as a worker would; exit code 1 if one fails."""
    rows = _models(home, fleet).verify(version)
    if json:
        typer.echo(msgspec.json.encode(rows).decode())
    else:
        for row in rows:
            typer.echo(f"{row['version']:>4}  {'ok' if row['ok'] else 'FAIL':<4}  {row['text']}")
    if not all(row["ok"] for row in rows):
        raise typer.Exit(1)


@app.command("package")
def package(
    version: Number,
    *,
    out: Annotated[Path, typer.Option(help="Folder to write to; it must not hold anything.")],
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Write a container build context that holds the workers and this version: `docker build DIR`."""
    show(_models(home, fleet).package(version, out), json=json)


def _line(row: dict[str, Any]) -> str:
    begun = " ".join(f"{partition}:{offset}" for partition, offset in sorted(row["from"].items()))
    gate = f"  OVERRIDDEN {row['overridden']}" if row["overridden"] else ""
    since = f"  from {begun}" if begun else ""
    head = f"{row['number']:>4}  {row['when']}  {row['role']:<10} {row['version']:>4}"
    return f"{head}  {row['who']}: {row['reason']}{gate}{since}"


def _models(home: str | None, fleet: str | None) -> Models:
    from chillcast.models.modelling import Models  # noqa: PLC0415  (heavy: loaded by the commands that need it)

    return Models.open(home, fleet)
