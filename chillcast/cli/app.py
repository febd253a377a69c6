"""The command line: the commands, in the order in which help lists them, and how a failed one ends."""

from __future__ import annotations

import signal
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from chillcast.cli import (
    audit,
    cases,
    data,
    dead_letters,
    demonstration,
    doctor,
    drift,
    influx,
    models,
    notify,
    pipeline,
    plans,
    policy,
    proof,
    recordings,
    retraining,
    simulation,
    tokens,
    training,
    users,
)
from chillcast.terminal import logs
from chillcast.terminal.guarded import guard_output
from chillcast.terminal.reporter import Reporter
from models.errors import ChillcastError

app = typer.Typer(
    name="chillcast",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # it would swallow what stands in brackets
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    training.skill,
    proof.prove,
    demonstration.demo,
    recordings.replay,
    training.train,
    retraining.retrain,
    training.pretrain,
    recordings.backtest,
    pipeline.worker,
    pipeline.rekey,
    pipeline.up,
    pipeline.page,
    simulation.simulate,
    recordings.record,
    pipeline.control,
    recordings.inspect,
    recordings.check,
    drift.drift,
    audit.audit,
    doctor.doctor,
):
    app.command()(command)

groups = {
    "cases": cases,
    "plans": plans,
    "notify": notify,
    "policy": policy,
    "data": data,
    "influx": influx,
    "models": models,
    "dead-letters": dead_letters,
    "users": users,
    "tokens": tokens,
}
for name, group in groups.items():
    app.add_typer(group.app, name=name)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"chillcast {version('chillcast')}")
        raise typer.Exit


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

    Such are those that chillcast raises on purpose, what the operating system refuses, as to read or write a
    file, and text that is no UTF-8. SIGTERM ends a command as Ctrl-C does, so that it stops what it started.
    """
    guard_output()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except ChillcastError as error:
        _give_up(str(error))
    except OSError as error:
        if error.strerror is None:
            raise
        # A write to a file that is open names none: a disk that is full, for one.
        place = "" if error.filename is None else f"{error.filename}: "
        _give_up(f"{place}{error.strerror}")
    except UnicodeEncodeError as error:
        if error.encoding != "utf-8":
            raise
        _give_up(f"{error.object!r}: expected text in UTF-8")


def _give_up(why: str) -> None:
    said = "\n".join(f"chillcast: {line}" for line in why.splitlines())
    Reporter().console.print(said, markup=False, soft_wrap=True, highlight=False)
    sys.exit(1)
