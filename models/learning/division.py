"""How a fleet is divided into segments: by which attributes, and what a segment's model needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from models.errors import ConfigError
from models.fleet.config import means, table
from models.fleet.inventory import ASSET, Inventory
from models.fleet.kinds import Key, Parameters, Positive
from models.fleet.training import Training
from models.learning.task_pool import HERE, TaskPool


@table
class Segments:
    """How a fleet is divided.

    ``by`` is an attribute of the inventory, or ``asset``; what a segment lacks, its ``group``, another
    attribute, may have. A segment has a model if its training slice holds ``minimum_instances`` labelled
    windows and ``minimum_failures`` outcomes. It starts from the fleet's log-odds, which it corrects, or from
    nothing. ``rounds`` and ``parameters`` replace those of the fleet.
    """

    by: Annotated[Key, means("key of the inventory that divides the fleet; `asset`: each machine by itself")]
    group: Annotated[Key | None, means("another key, whose parts score what has no model by the first")] = (
        None
    )
    minimum_instances: Annotated[
        Positive, means("labelled windows that a model needs in the training slice")
    ] = 500
    minimum_failures: Annotated[int, Field(ge=5), means("outcomes that it needs there")] = 10
    start: Annotated[
        Literal["fleet", "nothing"],
        means("begin with the log-odds of the model of the fleet and correct them, or begin with nothing"),
    ] = "fleet"
    rounds: Annotated[Positive | None, means("trees, if other than those of the fleet")] = None
    parameters: Annotated[Parameters, means("parameters of LightGBM that replace those of the fleet")] = (
        field(default_factory=dict)
    )

    @property
    def levels(self) -> tuple[str, ...]:
        """The attributes, the finest first."""
        return (self.by,) if self.group is None else (self.by, self.group)

    def check(self, inventory: Inventory, source: str) -> None:
        """Raise ConfigError if the inventory knows nothing of an attribute."""
        known = (ASSET, *inventory.keys)
        for name, key in (("by", self.by), ("group", self.group)):
            if key is not None and key not in known:
                expected = f"one of {', '.join(known)}: what the inventory says of the machines"
                raise ConfigError(source, f"segments.{name}", key, expected)
        if self.group == self.by:
            raise ConfigError(source, "segments.group", self.group, f"another attribute than by = {self.by}")

    def applied_to(self, training: Training) -> Training:
        """Return the parameters of a segment's model; one thread, since many are trained side by side."""
        parameters = {**training.parameters, **self.parameters, "num_threads": 1}
        return replace(training, rounds=self.rounds or training.rounds, parameters=parameters)


@dataclass(frozen=True)
class Division:
    """A fleet that is to be divided: by which attributes, what is known of its machines, where it is packed.

    The pack does not depend on the ``pool``.
    """

    segments: Segments
    inventory: Inventory
    pack: Path
    pool: TaskPool = HERE
