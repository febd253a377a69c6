"""Which simulated fleets a model is pre-trained on, and how: data in one file."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from chillcast.skill.skill_config import SkillFleet
from chillcast.training.training_config import with_training
from models.errors import ConfigError
from models.fleet.config import means, read_table, read_toml, refuse, table
from models.fleet.consistency import stride_fault
from models.fleet.fleet import Fleet
from models.fleet.training import Training


@table
class PretrainingConfig:
    """What is simulated and learnt from; what ``training`` gives replaces the fleet file's."""

    fleet: Annotated[str, means("the fleet file")]
    seed: Annotated[int, Field(ge=0), means("of all random numbers of the learning")] = 1
    stride_s: Annotated[int, Field(gt=0), means("learn from windows whose end is a multiple of it")] = 21_600
    fleets: Annotated[tuple[SkillFleet, ...], Field(min_length=1), means("simulated fleets to learn from")]
    training: Annotated[
        dict[str, Any], means("what replaces keys of the same name in `[training]` of the fleet file")
    ] = field(default_factory=dict)

    def applied_to(self, fleet: Fleet, source: str) -> Fleet:
        """Return the fleet with the parameters of the pre-training; ConfigError if they do not fit it."""
        expected = stride_fault(fleet, self.stride_s)
        if expected is not None:
            raise ConfigError(source, "stride_s", self.stride_s, expected)
        return with_training(fleet, self.training, source)


def load_pretraining(path: Path) -> PretrainingConfig:
    """Read and check a file; ConfigError names the file, the key, its value and what was expected."""
    config = read_table(read_toml(path, "pre-training"), PretrainingConfig, str(path))
    read_table(config.training, Training, str(path), within="training")
    names = [one.name for one in config.fleets]
    refuse(
        [
            ConfigError(str(path), f"fleets[{i}]", name, "a scenario and seed that no other fleet has")
            for i, name in enumerate(names)
            if name in names[:i]
        ]
    )
    return config
