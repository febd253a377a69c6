"""Recordings: replayed, judged, recorded, and looked at before there is a fleet file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from chillcast.cli.options import (
    AsJson,
    Broker,
    DirtFile,
    FleetName,
    From,
    Home,
    Horizon,
    Kafka,
    ReplayBatch,
    Seed,
    Speed,
    TrainUntil,
    Until,
    finite,
    reporter_of,
    show,
)
from chillcast.resources import Resources
from models.errors import ConfigError
from models.fleet.fleet import Fleet, load_fleet


def replay(
    recording: Annotated[Path, typer.Argument(help="CSV or Parquet: file, folder, glob or zip.")],
    *,
    fleet: FleetName = None,
    train_until: TrainUntil = None,
    horizon: Horizon = None,
    seed: Seed = 1,
    speed: Speed = "max",
    from_: From = None,
    until: Until = None,
    dirt: DirtFile = None,
    batch: ReplayBatch = None,
    kafka: Kafka = False,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Replay a recording through Kafka, agents, model and alerts, and judge what came out."""
    from chillcast.recordings import recorded, replay_request  # noqa: PLC0415

    resources = Resources.open(home=home, broker=broker, fleet=fleet)
    machines, span = narrowed(resources.fleet, horizon), replay_request.parse_span(from_, until)
    request = replay_request.ReplayRequest(recording, machines, train_until, seed, span)
    run = recorded.publish_recording if kafka else recorded.replay_recording
    show(run(resources.settings, request.played(speed, batch, dirt), reporter_of(resources)), json=json)


def backtest(
    recording: Annotated[Path, typer.Argument(help="CSV or Parquet: file, folder, glob or zip.")],
    *,
    fleet: FleetName = None,
    train_until: TrainUntil = None,
    horizon: Horizon = None,
    seed: Seed = 1,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Do what replay does without a broker, through the same kernel."""
    from chillcast.recordings.recorded import backtest_recording  # noqa: PLC0415
    from chillcast.recordings.replay_request import ReplayRequest  # noqa: PLC0415

    resources = Resources.open(home=home, fleet=fleet)
    request = ReplayRequest(recording, narrowed(resources.fleet, horizon), train_until, seed)
    show(backtest_recording(request, reporter_of(resources)), json=json)


def record(
    *,
    out: Annotated[Path, typer.Option(help="New or empty folder for the recording.")],
    from_start: Annotated[bool, typer.Option(help="Begin with what the topic already holds.")] = False,
    seconds: Annotated[
        float | None, typer.Option(help="Stop after this many seconds.", min=0, callback=finite)
    ] = None,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Record the telemetry of a running Kafka, so that it can be replayed."""
    from chillcast.recordings.capturing import record as capture  # noqa: PLC0415

    resources = Resources.open(home=home, broker=broker, fleet=fleet)
    found = capture(
        resources.settings,
        resources.fleet,
        out,
        reporter_of(resources),
        from_start=from_start,
        seconds=seconds,
    )
    show(found, json=json)


def inspect(
    files: Annotated[list[Path], typer.Argument(help="A recording; further files hold its events.")],
    *,
    out: Annotated[Path | None, typer.Option(help="New file to write; without it standard output.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the fleet; without it that of the file.")] = None,
) -> None:
    """Look at strange files and write a first fleet file: guesses, with their evidence."""
    from chillcast.recordings.strangers import inspect_files  # noqa: PLC0415

    text = inspect_files(files, out, name)
    decisions = text.count("DECIDE") - 1  # its second line says what the word means
    typer.echo(text if out is None else f"{out}: {decisions} places to decide are marked DECIDE")


def check(
    path: Annotated[Path, typer.Argument(help="Fleet file.")],
    recording: Annotated[
        Path | None, typer.Argument(help="Recording to read through it: file, folder, glob, zip.")
    ] = None,
    *,
    json: AsJson = False,
) -> None:
    """Check a fleet file and say what it describes; with a recording, what its sensors look like."""
    from chillcast.recordings.strangers import check_recording  # noqa: PLC0415
    from models.features.driver_shifts import drivers_of_faults  # noqa: PLC0415

    found = load_fleet(path)
    if recording is not None:
        show(check_recording(found, recording), json=json)
        return
    typer.echo(
        f"{path}: fleet {found.name}: {len(found.sensors)} sensors, "
        f"{len(found.sampling.windows_s)} windows, horizons {', '.join(f'{h:g} d' for h in found.horizons_d)}"
    )
    for driver, fault in drivers_of_faults(found):
        typer.echo(f"driver {driver}: the fault {fault!r} shows on it; what it moves there is taken as given")


def narrowed(fleet: Fleet, horizon: float | None) -> Fleet:
    """Return the fleet with one horizon only, if the command line names it."""
    if horizon is None:
        return fleet
    if horizon not in fleet.horizons_d:
        raise ConfigError("command line", "--horizon", horizon, f"one of {list(fleet.horizons_d)}")
    alerting = replace(fleet.alerting, horizon_d=horizon)
    return replace(fleet, horizons_d=(horizon,), alerting=alerting)
