"""A training run is data: one TOML file says which windows, which split and which parameters."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from models.errors import ConfigError
from models.fleet.config import read_table, read_toml
from models.fleet.fleet import Fleet, Training
from models.learning.fitting import split_of
from models.learning.segments import Segments

Share = Annotated[float, Meta(ge=0, lt=1)]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file; a key it does not know is refused."""


class Data(_Table, frozen=True, rename={"from_": "from"}):
    """Windows of the feature store that end in (from, until], dates in UTC.

    ``fingerprint`` chooses a schema where the store has several, ``dataset`` refuses data other than that.
    """

    from_: date
    until: date
    fingerprint: str | None = None
    dataset: str | None = None


class Split(_Table, frozen=True):
    """What lies before ``test_from`` is learnt from, the rest is judged.

    ``held_out_share`` of the machines are only judged, to see what the model is worth on others.
    """

    test_from: date
    held_out_share: Share = 0.0


class Evaluation(_Table, frozen=True):
    """``top_k`` machines are looked at each week; figures are also given per segment by an inventory key."""

    top_k: Annotated[int, Meta(gt=0)] = 10
    segments_by: str = "model"


class TrainingConfig(_Table, frozen=True):
    """One run; what ``training`` gives replaces the fleet file's; ``segments`` get models of their own."""

    fleet: str
    data: Data
    split: Split
    seed: Annotated[int, Meta(ge=0)] = 1
    training: dict[str, Any] = {}
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
        """Identity of what was asked for."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()

    def slice_of(self, digest: str) -> str:
        """Name the days that are judged: equal for runs on the same dataset and days."""
        return f"{digest[:12]} {self.split.test_from}..{self.data.until}"

    def held_out(self, asset: str) -> bool:
        """Return whether a machine is held out: by a hash of seed and name, so that new ones move no old."""
        number = int.from_bytes(hashlib.sha256(f"{self.seed} {asset}".encode()).digest()[:4], "big")
        return number < self.split.held_out_share * 2**32

    def split_ms(self, fleet: Fleet) -> int:
        """Return where the training slice ends and calibration begins."""
        return split_of(fleet, self.from_ms, self.test_ms)

    def applied_to(self, fleet: Fleet, source: str) -> Fleet:
        """Return the fleet with this run's training parameters."""
        own = msgspec.to_builtins(fleet.training)
        return msgspec.structs.replace(fleet, training=read_table({**own, **self.training}, Training, source))


def load_config(path: Path) -> TrainingConfig:
    """Read and check a training configuration.

    Raises ConfigError with the file, the key, its value and what was expected.
    """
    raw = read_toml(path, "training")
    config = read_table(raw, TrainingConfig, str(path))
    if not config.from_ms < config.test_ms < config.until_ms:
        expected = f"a date between data.from {config.data.from_} and data.until {config.data.until}"
        raise ConfigError(str(path), "split.test_from", str(config.split.test_from), expected)
    return config


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
