"""`chillcast data …`: the feature store and its datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chillcast.cli.on_record import on_record
from chillcast.cli.options import AsJson, Dask, FleetName, Home, reporter_of, show
from chillcast.cluster import pool_of
from chillcast.resources import Resources

app = typer.Typer(
    no_args_is_help=True, help="The feature store: what is in it, and the datasets drawn from it."
)

Digest = Annotated[str, typer.Argument(help="A dataset's digest, or its beginning.")]


@app.command("backfill")
def backfill(
    source: Annotated[str, typer.Argument(help="Recording of a fleet, or a scenario.")],
    *,
    fleet: FleetName = None,
    expect_until: Annotated[
        str | None,
        typer.Option(
            help="Learn what is normal from the days before this date; without it as the champion has it."
        ),
    ] = None,
    by_time: Annotated[
        bool,
        typer.Option(
            "--by-time", help="Take samples by their times, also if older ones arrived after newer ones."
        ),
    ] = False,
    processes: Annotated[
        int | None, typer.Option(help="Groups of machines at a time; each reads all of the source.", min=1)
    ] = None,
    dask: Dask = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Land the windows and events of a recording, or of a simulated fleet, in the feature store."""
    from chillcast.training.backfill import backfill, past_of  # noqa: PLC0415

    resources = Resources.open(home=home, fleet=fleet)
    past = past_of(source, resources.fleet, by_time=by_time)
    with pool_of(processes if dask else processes or 1, dask) as pool:
        done = backfill(resources, past, expect_until, reporter_of(resources), pool)
    show(done, json=json)


@app.command("inventory")
def inventory(
    file: Annotated[Path, typer.Argument(help="CSV with a column asset and one per attribute.")],
    *,
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Say what the machines are (model, site, …): models can be trained for segments by these."""
    from chillcast.training.datasets import inventorise  # noqa: PLC0415

    resources = Resources.open(home=home, fleet=fleet)
    show(inventorise(resources.feature_store, resources.fleet, file), json=json)


@app.command("list")
def list_(*, fleet: FleetName = None, home: Home = None, json: AsJson = False) -> None:
    """List the windows of the feature store by schema, and the datasets that were drawn from it."""
    from chillcast.training.datasets import contents  # noqa: PLC0415

    show(contents(Resources.open(home=home, fleet=fleet).feature_store), json=json)


@app.command("define")
def define_(
    from_: Annotated[str, typer.Option("--from", help="Date (UTC) after which it begins.")],
    until: Annotated[str, typer.Option(help="Date (UTC) with which it ends.")],
    *,
    fingerprint: Annotated[str | None, typer.Option(help="Feature schema, if there are several.")] = None,
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Name the windows and events of a time range as a dataset, and say what it holds."""
    from chillcast.training.datasets import define, describe  # noqa: PLC0415

    resources = Resources.open(home=home, fleet=fleet)
    store, machines = resources.feature_store, resources.fleet
    show(describe(store, machines, define(store, machines, (from_, until), fingerprint)), json=json)


@app.command("show")
def show_(digest: Digest, *, fleet: FleetName = None, home: Home = None, json: AsJson = False) -> None:
    """Check the files of a dataset and say what it holds."""
    from chillcast.training.datasets import describe  # noqa: PLC0415
    from models.store.dataset import Catalogue  # noqa: PLC0415

    resources = Resources.open(home=home, fleet=fleet)
    store, machines = resources.feature_store, resources.fleet
    show(describe(store, machines, Catalogue(store).find(digest)), json=json)


@app.command("prune")
def prune(
    before: Annotated[str, typer.Option(help="Delete the days before this date (UTC).")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Delete also files of datasets.")] = False,
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Delete old windows and events from the feature store, but none that a dataset stands on."""
    from chillcast.training import datasets  # noqa: PLC0415

    store = Resources.open(home=home, fleet=fleet).feature_store
    with on_record(home, "prune data", f"features {store.folder.name}", f"before {before}, force: {force}"):
        done = datasets.prune(store, datasets.parse_date(before, "--before"), force=force)
    show(done, json=json)


@app.command("diff")
def diff(
    one: Digest,
    other: Digest,
    *,
    fleet: FleetName = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Say how two datasets differ: in time, features and files."""
    from chillcast.training.datasets import difference  # noqa: PLC0415
    from models.store.dataset import Catalogue  # noqa: PLC0415

    store = Resources.open(home=home, fleet=fleet).feature_store
    catalogue = Catalogue(store)
    show(difference(store, catalogue.find(one), catalogue.find(other)), json=json)
