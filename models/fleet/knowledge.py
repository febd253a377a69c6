"""What an engineer knows of machines: when they run, what is expected, which levels warn, what to suspect."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.fleet.config import means, table
from models.fleet.kinds import Key, Keys


@table
class Advice:
    """What to suspect, and to check, when these sensors drive the risk.

    Those in ``falls`` speak for the fault when they read lower than expected, the others when they read
    higher; a sensor without an expectation speaks for it either way.
    """

    fault: Annotated[str, means("what to suspect")]
    sensors: Annotated[Keys, means("when these sensors drive a risk")]
    check: Annotated[str, means("what to check")]
    falls: Annotated[
        tuple[Key, ...], means("those that read lower than expected under this fault; the others read higher")
    ] = ()
    codes: Annotated[
        tuple[str, ...],
        means("the controller's words for the shutdown it leads to; given if the model expects one of them"),
    ] = ()


@table
class Running:
    """When a machine runs."""

    sensor: Annotated[Key, means("a machine runs while this sensor")]
    above: Annotated[float, means("reads above this")]


@table
class Expected:
    """These sensors are compared with what the fleet shows at the same values of the drivers."""

    drivers: Annotated[
        tuple[Key, ...], Field(min_length=1, max_length=12), means("at the same values of these sensors")
    ]
    sensors: Annotated[Keys, means("these are compared with what the fleet shows")]
    relative: Annotated[
        bool,
        means(
            "compare each as a share of its median on this machine, as flows and powers of machines that "
            "differ in size"
        ),
    ] = False


@table
class Rule:
    """What an experienced hand would watch: a warning level of a sensor, before the level at which it trips.

    A sensor that trips above is watched above, one that trips below its warning level below.
    """

    sensor: Annotated[Key, means("what an experienced hand watches, a baseline for the model")]
    warn: Annotated[float, means("the level to warn at")]
    trip: Annotated[
        float,
        means(
            "the level at which the controller trips; beside `[[expectation]]` how near any of them is "
            "becomes a feature"
        ),
    ]
    relative: Annotated[
        bool, means("the levels are shares of what is expected of the sensor, which needs an expectation")
    ] = False
