"""`chillcast pretrain`, `train` and `skill`: learning a model, and judging what is learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from chillcast.cli.options import SHIPPED, AsJson, Dask, Home, reporter_of, show
from chillcast.cluster import pool_of
from chillcast.pipeline.home import at_work
from chillcast.resources import Resources
from chillcast.settings import read_settings
from chillcast.shipped import find_file
from chillcast.terminal.plotting import keep_cache_under
from chillcast.terminal.reporter import Reporter


def train(
    config: Annotated[str, typer.Argument(help=f"Training {SHIPPED}")],
    *,
    promote: Annotated[bool, typer.Option("--promote", help="Also make it the champion.")] = False,
    tune: Annotated[
        int, typer.Option(help="Number of parameter sets to try (needs chillcast[tuning]).", min=0)
    ] = 0,
    processes: Annotated[
        int | None, typer.Option(help="Processes for models of segments; without it one per core.", min=1)
    ] = None,
    dask: Dask = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Learn from the feature store, judge by event beside every baseline, and register the model."""
    from chillcast.training.enrolment import train_and_register  # noqa: PLC0415
    from chillcast.training.training_config import load_config  # noqa: PLC0415

    chosen = load_config(find_file(config, "training file"))
    resources = Resources.open(home=home, fleet=chosen.fleet)
    reporter = reporter_of(resources)
    with pool_of(processes, dask) as pool:
        done = train_and_register(
            resources.settings, chosen, reporter, promoted=promote, trials=tune, pool=pool
        )
    show(done, json=json)


def pretrain(
    config: Annotated[str, typer.Argument(help=f"Pre-training {SHIPPED}")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="New folder for the model; else below the home folder.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(help="Fleets at a time; without it one per core.", min=1)
    ] = None,
    dask: Dask = None,
    distributed: Annotated[
        bool, typer.Option("--distributed", help="Learn in all processes, each from fleets of its own.")
    ] = False,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Learn one model from many simulated fleets, with which the learning of a real one begins."""
    from chillcast.pretraining.pretraining import pretrain as run  # noqa: PLC0415
    from chillcast.pretraining.pretraining_config import load_pretraining  # noqa: PLC0415

    settings, path = read_settings(home=home), find_file(config, "pre-training file")
    work = settings.home_path / "pretraining" / path.stem
    with at_work(settings.home_path, "training"), pool_of(processes, dask) as pool:
        wanted, folder = load_pretraining(path), out or work / "bundle"
        made = run(wanted, str(path), work, folder, Reporter(), pool, distributed=distributed)
    show(msgspec.to_builtins(made), json=json)


def skill(
    scenarios: Annotated[
        list[Path] | None, typer.Argument(help="Scenarios to judge on; without any the shipped fleets.")
    ] = None,
    *,
    config: Annotated[
        Path | None, typer.Option(help="File of fleets to learn from and to judge on; else the shipped one.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="All fleets of the file: half an hour, not ten minutes.")
    ] = False,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Judge the forecast on fleets that nothing was chosen on, beside rules, chance and the truth."""
    settings = read_settings(home=home)
    keep_cache_under(settings.home_path)
    from chillcast.skill.report import write  # noqa: PLC0415
    from chillcast.skill.skill import in_tables, judge_skill  # noqa: PLC0415
    from chillcast.skill.skill_config import load_skill_config  # noqa: PLC0415

    wanted = load_skill_config(config or find_file("portfolio", "skill")).chosen(full=full)
    found, reporter = [find_file(str(path), "scenario") for path in scenarios or ()], Reporter()
    report = judge_skill(wanted, reporter, found)
    rows, *others = write(report, settings.home_path)
    typer.echo(rows.read_text() if json else in_tables(report))
    for path in (rows, *others):
        reporter.line(f"written: {path}")
