"""The running pipeline: its workers, its page, and what steers the replays on it."""

from __future__ import annotations

from typing import Annotated

import typer

from chillcast.cli.options import Broker, FleetName, Home, reporter_of
from chillcast.resources import Resources
from chillcast.settings import read_settings
from chillcast.terminal import logs


def worker(
    stage: Annotated[str, typer.Argument(help="features, risk, cases, delivery, sink, landing or rekey")],
) -> None:
    """Run one stage of the pipeline until told to stop; its supervisor restarts it after a crash."""
    _work(stage)


def rekey() -> None:
    """Run the hop from the topic of a producer without keys (CHILLCAST_REKEY_TOPIC) to telemetry."""
    _work("rekey")


def _work(stage: str) -> None:
    from chillcast.pipeline.pipeline import wait_for_configured_broker  # noqa: PLC0415
    from chillcast.pipeline.stages import check_stage, create_worker  # noqa: PLC0415
    from streams.alarms import alarm  # noqa: PLC0415
    from streams.kafka.topics import Topics, create_topics  # noqa: PLC0415

    check_stage(stage)
    resources = Resources.open()
    settings = resources.settings
    logs.configure(settings.log_level, settings.log_format)
    wait_for_configured_broker(settings, alarm, None)
    create_topics(settings.connection, Topics(settings.topic_prefix), settings.partitions)
    create_worker(stage, resources).run()


def up(*, fleet: FleetName = None, home: Home = None, broker: Broker = None) -> None:
    """Run all stages under one supervisor until told to stop."""
    from chillcast.pipeline.pipeline import run_until_stopped  # noqa: PLC0415

    resources = Resources.open(home=home, broker=broker, fleet=fleet)
    run_until_stopped(resources.settings, resources.fleet, reporter_of(resources))


def page(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Let nobody change a case.")] = False,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
) -> None:
    """Serve the page: cases and what to do, the fleet by risk, and one machine's risk over time."""
    from chillcast.pipeline.serving import serve_page  # noqa: PLC0415
    from chillcast.retraining.desk import with_models  # noqa: PLC0415

    given = {"page_writes": "nobody"} if read_only else {}
    resources = Resources.open(home=home, fleet=fleet, broker=broker, page_host=host, page_port=port, **given)
    serve_page(resources, reporter_of(resources), with_models(resources))


def control(
    command: Annotated[str, typer.Argument(help="pause, resume, seek, speed or stop")],
    value: Annotated[str | None, typer.Argument(help="seek: a time; speed: a number, or max.")] = None,
    *,
    home: Home = None,
    broker: Broker = None,
) -> None:
    """Tell every replay that runs on a Kafka what to do."""
    from chillcast.pipeline.steering import send_control  # noqa: PLC0415

    settings = read_settings(home=home, broker=broker)
    heard_by = send_control(settings, command, value)
    typer.echo(f"{' '.join(filter(None, (command, value)))}: heard by {', '.join(heard_by)}")
