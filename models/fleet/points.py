"""The points of a machine: what its sensors measure, and what is derived from them."""

from __future__ import annotations

import math
import re
from dataclasses import field, replace
from typing import Annotated, Literal

from models.fleet.config import means, table
from models.fleet.kinds import Formula, Key, Positive, PositiveNumber

_LONGEST_KEY = 64


@table
class MachinePoint:
    """What is known of a machine over time: measured, or derived from what is."""

    key: Annotated[Key, means("its name in every message and feature")]
    label: Annotated[str, means("its name for people")]
    unit: Annotated[str, means("its unit, for people and for the check of units")]
    low: Annotated[float, means("plausible values begin here; one below is missing, and counted")]
    high: Annotated[float, means("plausible values end here; one above is missing, and counted")]
    brick: Annotated[str, means("class in the Brick schema")] = ""
    resolution: Annotated[
        PositiveNumber | None,
        means(
            "what the sensor can tell apart, in its unit: readings are said to it, and one that "
            "equals the usual one at it is no reason; by default the power of ten next to a thousandth of "
            "the range, 1 at most"
        ),
    ] = None
    state: Annotated[
        str,
        means(
            'for a point that is 0 or not (`low` is 0): what it means while it is not, as "capacity was '
            'limited"; said as a share of time, a code (`high` above 1) as "at times"'
        ),
    ] = ""

    @property
    def step(self) -> float:
        """The resolution; if none is given, the power of ten next to a thousandth of the range, 1 at most.

        >>> MachinePoint(key="p", label="pressure", unit="bar", low=0.1, high=20.0).step
        0.01
        """
        thousandth = (self.high - self.low) / 1000
        return self.resolution or float(min(1.0, 10.0 ** math.floor(math.log10(thousandth))))


@table
class Sensor(MachinePoint):
    """One point of the catalogue, which every message gives."""

    stuck_s: Annotated[
        Positive | None,
        means("report a value that stays the same to the bit for so long while the machine runs"),
    ] = None
    hold_s: Annotated[
        Positive | None,
        means("for a point that is sent when it changes: it holds its last value for up to so long"),
    ] = None
    max_per_minute: Annotated[
        PositiveNumber | None,
        means(
            "report a value that moves by more units a minute than this; a counter that rises by more was "
            "set anew"
        ),
    ] = None
    kind: Annotated[
        Literal["gauge", "counter", "state", "event"],
        means(
            "what a reading is: `gauge`, a level; `counter`, a total, of which the increase a day is told; "
            "`state`, a code, of which the share of time in each of `states` and the changes a day are told "
            "too; `event`, so many at once, told a day, none if the machine sends something else"
        ),
    ] = "gauge"
    wrap_at: Annotated[
        PositiveNumber | None, means("a counter that reaches this goes on from 0, as 65536 with 16 bits")
    ] = None
    states: Annotated[
        dict[str, int],
        means("the words for the codes of a state, as `{ off = 0, on = 1 }`; a text in their place is read"),
    ] = field(default_factory=dict)

    @property
    def is_steady(self) -> bool:
        """Whether one and the same value for a long time is nothing strange."""
        return self.kind != "gauge" or self.hold_s is not None

    @property
    def told(self) -> MachinePoint:
        """The point that its features are of: of a counter, or of events, how many a day."""
        if self.kind not in ("counter", "event"):
            return self
        return replace(self, unit=f"{self.unit}/d", resolution=self.resolution or 0.1)

    @property
    def changes(self) -> str:
        """The key of the point that counts the changes of a state."""
        return f"{self.key}_changes"[:_LONGEST_KEY]


@table
class Derived(MachinePoint):
    """A point that nobody measures: a formula over sensors, missing if one is, or outside its limits."""

    formula: Annotated[
        Formula,
        means("what it is: arithmetic of sensors, as `oil_pump_pressure - evap_pressure`"),
    ]


def shares_of(sensor: Sensor) -> tuple[Derived, ...]:
    """Return a point for each state that a sensor has a word for: 1 while it is in it, else 0."""
    return tuple(
        Derived(
            key=f"{sensor.key}_{_slug(name)}"[:_LONGEST_KEY],
            label=f"{sensor.label}: {name}",
            unit="1",
            low=0.0,
            high=1.0,
            state=f"{sensor.label} was {name}",
            formula=f"max(0, 1 - abs({sensor.key} - ({code})))",
        )
        for name, code in sensor.states.items()
    )


def changes_of(sensor: Sensor) -> MachinePoint:
    """Return the point that counts the changes of a state."""
    label = f"changes of {sensor.label}"
    return MachinePoint(key=sensor.changes, label=label, unit="1/d", low=0.0, high=1e9, resolution=0.1)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
