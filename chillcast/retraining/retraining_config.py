"""When a fleet's model is trained again, on what, and who may promote it: one TOML file."""

from __future__ import annotations

from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from chillcast.training.training_config import (
    Data,
    Evaluation,
    Share,
    Split,
    TrainingConfig,
    with_training,
)
from models.errors import ConfigError
from models.event_time import DAY_MS
from models.fleet.config import means, read_table, read_toml, table
from models.fleet.fleet import Fleet
from models.fleet.kinds import Days, Positive
from models.learning.division import Segments
from streams.records import Detector


@table
class Triggers:
    """What has it trained again; a key that is left out triggers nothing."""

    drift_days: Annotated[
        Positive | None,
        means("days for which the scores of `drift_machines` machines have to stay changed"),
    ] = None
    drift_machines: Annotated[
        Positive, means("machines; a signal that names none is one of the whole fleet")
    ] = 5
    drift_detectors: Annotated[
        tuple[Detector, ...],
        Field(min_length=1),
        means("detectors whose signals count, as the topic `drift` names them"),
    ] = ("adwin",)
    outcomes: Annotated[Positive | None, means("shutdowns and findings since what was last learnt from")] = (
        None
    )
    every_days: Annotated[Positive | None, means("days since what was last learnt from")] = None
    segment_instances: Annotated[
        Positive | None, means("windows that a segment without a model of its own has come to")
    ] = None
    new_sensors: Annotated[bool, means("a sensor of the fleet file that the champion has never seen")] = True


@table
class Window:
    """Days up to the day of the trigger, UTC."""

    days: Annotated[Days, means("days that are learnt from and judged on")] = 365
    test_days: Annotated[Days, means("of these the last, which are judged on")] = 60
    held_out_share: Annotated[Share, means("share of the machines that are only judged")] = 0.0


@table
class Policy:
    """When a challenger takes the place of the champion."""

    by: Annotated[
        Literal["person", "automatic"],
        means("who promotes one that has won: somebody who may, or the service"),
    ] = "person"
    windows: Annotated[
        Positive, means("windows, one a day and machine, whose label both have to know first")
    ] = 1000
    outcomes: Annotated[Positive, means("how many of these have to be before an outcome")] = 10
    within_days: Annotated[
        Positive, means("days in the shadow after which it is given up, if it has not won by then")
    ] = 90


@table
class Limits:
    """What a training may take."""

    processes: Annotated[Positive, means("processes, each of one thread")] = 1
    nice: Annotated[int, Field(ge=0, le=19), means("niceness, 19 is the lowest priority")] = 10
    hours: Annotated[float, Field(gt=0), means("hours after which it is stopped")] = 6.0


@table
class RetrainingConfig:
    """What has a fleet's model trained again, and what becomes of the new one."""

    triggers: Annotated[Triggers, means("what has it trained again")] = Triggers()
    data: Annotated[Window, means("which windows of the feature store")] = Window()
    promotion: Annotated[Policy, means("when a challenger becomes champion")] = Policy()
    limits: Annotated[Limits, means("what a training may take")] = Limits()
    rest_days: Annotated[Positive, means("days between one beginning and the next, whatever triggers it")] = 7
    seed: Annotated[int, Field(ge=0), means("of all random numbers")] = 1
    training: Annotated[
        dict[str, Any], means("what replaces keys of the same name in `[training]` of the fleet file")
    ] = field(default_factory=dict)
    evaluation: Annotated[Evaluation, means("how it is judged")] = Evaluation()
    segments: Annotated[Segments | None, means("parts of the fleet that get models of their own")] = None

    def asked(
        self, fleet: Fleet, as_of_ms: int, fingerprint: str, dataset: str | None = None
    ) -> TrainingConfig:
        """Return the training of the days before the one in which ``as_of_ms`` lies, on that ``dataset``."""
        until_ms = as_of_ms // DAY_MS * DAY_MS
        first_ms, test_ms = (until_ms - days * DAY_MS for days in (self.data.days, self.data.test_days))
        from_, test_from, until = (_date(ms) for ms in (first_ms, test_ms, until_ms))
        return TrainingConfig(
            fleet=fleet.name,
            data=Data(from_=from_, until=until, fingerprint=fingerprint, dataset=dataset),
            split=Split(test_from=test_from, held_out_share=self.data.held_out_share),
            seed=self.seed,
            training=self.training,
            evaluation=self.evaluation,
            segments=self.segments,
        )


def load_retraining(path: Path, fleet: Fleet) -> RetrainingConfig:
    """Read and check a retraining file; ConfigError has file, key, value and what was expected."""
    config = read_table(read_toml(path, "retraining"), RetrainingConfig, str(path))
    with_training(fleet, config.training, str(path))
    if config.data.test_days >= config.data.days:
        raise ConfigError(
            str(path), "data.test_days", config.data.test_days, f"fewer than data.days = {config.data.days}"
        )
    if config.triggers.segment_instances and config.segments is None:
        expected = "no such key, or a table [segments]: without one no segment has a model of its own"
        given = config.triggers.segment_instances
        raise ConfigError(str(path), "triggers.segment_instances", given, expected)
    return config


def _date(time_ms: int) -> Any:
    return datetime.fromtimestamp(time_ms / 1000, UTC).date()
