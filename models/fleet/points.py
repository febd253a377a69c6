"""The points of a machine: what its sensors measure, and what is derived from them."""

from __future__ import annotations

import math
from typing import Annotated

from models.fleet.config import means, table
from models.fleet.kinds import Formula, Key, Positive, PositiveNumber


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
        """The resolution; where none is given, the power of ten next to a thousandth of the range, 1 at most.

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
        PositiveNumber | None, means("report a value that moves by more units a minute than this")
    ] = None


@table
class Derived(MachinePoint):
    """A point that nobody measures: a formula over sensors, missing if one is, or outside its limits."""

    formula: Annotated[
        Formula,
        means("what it is: arithmetic of sensors, as `oil_pump_pressure - evap_pressure`"),
    ]
