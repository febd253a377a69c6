"""A training run is data: one TOML file says which windows, which split and which parameters."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import Field

from models.errors import ConfigError
from models.fleet.config import read_table, read_toml, table
from models.fleet.fleet import Fleet, Training
from models.learning.segments import Segments

Share = Annotated[float, Field(ge=0, lt=1)]


@table
class Data:
    """Windows of the feature store that end in (from, until], dates in UTC.

    ``fingerprint`` chooses a schema where the store has several, ``dataset`` refuses data other than that.
    """

    from_: Annotated[date, Field(alias="from")]
    until: date
    fingerprint: str | None = None
    dataset: str | None = None


@table
class Split:
    """What lies before ``test_from`` is learnt from, the rest is judged.

    ``held_out_share`` of the machines are only judged, to see what the model is worth on others.
    """

    test_from: date
    held_out_share: Share = 0.0


@table
class Evaluation:
    """``top_k`` machines are looked at each week; figures are also given per segment by an inventory key."""

    top_k: Annotated[int, Field(gt=0)] = 10
    segments_by: str = "model"


@table
class TrainingConfig:
    """One run; what ``training`` gives replaces the fleet file's; ``segments`` get models of their own."""

    fleet: str
    data: Data
    split: Split
    seed: Annotated[int, Field(ge=0)] = 1
    training: dict[str, Any] = field(default_factory=dict)
    evaluation: Evaluation = Evaluation()
    segments: Segments | None = None

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
        given = {**asdict(fleet.training), **self.training}
        return replace(fleet, training=read_table(given, Training, source, within="training"))


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
