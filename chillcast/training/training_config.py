"""A training run is data: one TOML file says which windows, which split and which parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import Field

from models.errors import ConfigError
from models.fleet.config import means, read_table, read_toml, table
from models.fleet.fleet import Fleet
from models.fleet.training import Training
from models.learning.division import Segments

Share = Annotated[float, Field(ge=0, lt=1)]


@table
class Data:
    """Windows of the feature store that end in (from, until], dates in UTC.

    ``fingerprint`` chooses a schema where the store has several, ``dataset`` refuses data other than that.
    """

    from_: Annotated[date, Field(alias="from"), means("first day of the windows, UTC")]
    until: Annotated[date, means("first day that is left out, UTC")]
    fingerprint: Annotated[str | None, means("which feature schema, if the store has several")] = None
    dataset: Annotated[str | None, means("digest of the dataset; another one is refused")] = None


@table
class Split:
    """What lies before ``test_from`` is learnt from, the rest is judged.

    ``held_out_share`` of the machines are only judged, to see what the model is worth on others.
    """

    test_from: Annotated[date, means("what lies before this day is learnt from, the rest is judged on")]
    held_out_share: Annotated[
        Share, means("share of the machines that are only judged, to see what the model is worth on others")
    ] = 0.0


@table
class Evaluation:
    """``top_k`` machines are looked at each week; figures are also given per segment by an inventory key."""

    top_k: Annotated[int, Field(gt=0), means("number of machines that can be looked at each week")] = 10
    segments_by: Annotated[str, means("key of the inventory by which figures are also given")] = "model"


@table
class TrainingConfig:
    """One run; what ``training`` gives replaces the fleet file's; ``segments`` get models of their own."""

    fleet: Annotated[str, means("a shipped fleet, or a fleet file")]
    data: Annotated[Data, means("windows of the feature store")]
    split: Annotated[Split, means("what is learnt from, and what is judged on")]
    seed: Annotated[int, Field(ge=0), means("of all random numbers")] = 1
    training: Annotated[
        dict[str, Any], means("what replaces keys of the same name in `[training]` of the fleet file")
    ] = field(default_factory=dict)
    evaluation: Annotated[Evaluation, means("how it is judged")] = Evaluation()
    segments: Annotated[Segments | None, means("parts of the fleet that get models of their own")] = None

    @property
    def from_ms(self) -> int:
        """The start of the data."""
        return _ms(self.data.from_)

    @property
    def test_ms(self) -> int:
        """The end of what is learnt from."""
        return _ms(self.split.test_from)

    @property
    def until_ms(self) -> int:
        """The end of the data."""
        return _ms(self.data.until)

    @property
    def sha256(self) -> str:
        """Identity of what was asked for; ``from`` by the name that it has in the file."""
        text = msgspec.json.encode(self, order="deterministic").replace(b'"from_":', b'"from":', 1)
        return hashlib.sha256(text).hexdigest()

    def slice_of(self, digest: str) -> str:
        """Name the days that are judged: equal for runs on the same dataset and days."""
        return f"{digest[:12]} {self.split.test_from}..{self.data.until}"

    def held_out(self, asset: str) -> bool:
        """Return whether a machine is held out: by a hash of seed and name, so that new ones move no old."""
        number = int.from_bytes(hashlib.sha256(f"{self.seed} {asset}".encode()).digest()[:4], "big")
        return number < self.split.held_out_share * 2**32

    def applied_to(self, fleet: Fleet, source: str) -> Fleet:
        """Return the fleet with this run's training parameters."""
        return with_training(fleet, self.training, source)


def with_training(fleet: Fleet, given: Mapping[str, Any], source: str) -> Fleet:
    """Return a fleet of whose training parameters some are replaced; ConfigError names one that is wrong."""
    training = read_table({**asdict(fleet.training), **given}, Training, source, within="training")
    return replace(fleet, training=training)


def load_config(path: Path) -> TrainingConfig:
    """Read and check a training configuration.

    Raises ConfigError with the file, the key, its value and what was expected.
    """
    raw = read_toml(path, "training")
    config = read_table(raw, TrainingConfig, str(path))
    read_table(config.training, Training, str(path), within="training")  # all of its keys have defaults
    if not config.from_ms < config.test_ms < config.until_ms:
        expected = f"a date between data.from {config.data.from_} and data.until {config.data.until}"
        raise ConfigError(str(path), "split.test_from", str(config.split.test_from), expected)
    return config


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
