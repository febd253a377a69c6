"""The computed channels: what the kernel makes of a sample with the expectation, beside what was read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from models.fleet.fleet import Fleet
from models.fleet.knowledge import Advice, Expected, Rule


@dataclass(frozen=True, slots=True)
class Channels:
    """Names of the computed channels of a fleet, in their order; none without an expectation.

    ``residuals`` are by point, ``margins`` by the point of each rule, ``indices`` by the fault of an advice
    that has residuals, ``nearest`` says how near any level is to its trip, ``context`` are drivers while
    running. The second of two rules or faults of one name ends in `_2`.
    """

    residuals: tuple[str, ...] = ()
    margins: tuple[str, ...] = ()
    indices: tuple[str, ...] = ()
    nearest: tuple[str, ...] = ()
    context: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, as they begin the names of features."""
        return (
            *(f"{key}_residual" for key in self.residuals),
            *(f"{key}_margin" for key in self.margins),
            *(f"{name}_index" for name in self.indices),
            *self.nearest,
            *(f"running_{key}" for key in self.context),
        )


def channels_of(fleet: Fleet) -> Channels:
    """Return the computed channels of a fleet."""
    if not fleet.expectation:
        return Channels()
    return Channels(
        residual_points(fleet),
        distinct(rule.sensor for rule in fleet.rules),
        distinct(slug(advice.fault) for advice in indexed(fleet)),
        ("nearest_trip",) if levels(fleet) else (),
        tuple(dict.fromkeys(key for group in fleet.expectation for key in group.drivers)),
    )


def residual_points(fleet: Fleet) -> tuple[str, ...]:
    """Return the keys of the points that have an expectation, in order."""
    return tuple(key for group in fleet.expectation for key in group.sensors)


def residual_groups(fleet: Fleet) -> Iterator[tuple[Expected, slice]]:
    """Yield every group of points with an expectation, and where these stand among all of them."""
    at = 0
    for group in fleet.expectation:
        yield group, slice(at, at + len(group.sensors))
        at += len(group.sensors)


def indexed(fleet: Fleet) -> list[Advice]:
    """Return the advice of which any point has an expectation."""
    there = set(residual_points(fleet))
    return [advice for advice in fleet.advice if there.intersection(advice.sensors)]


def levels(fleet: Fleet) -> list[Rule]:
    """Return the rules with levels of their own, which anybody can watch without an expectation."""
    return [rule for rule in fleet.rules if not rule.relative]


def signed(fleet: Fleet, advice: Advice) -> Iterator[tuple[int, float]]:
    """Yield the number, among the residuals, and the direction of each point that speaks for a fault."""
    numbers = {key: i for i, key in enumerate(residual_points(fleet))}
    for key in advice.sensors:
        if key in numbers:
            yield numbers[key], -1.0 if key in advice.falls else 1.0


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of which none stands twice.

    >>> distinct(["head", "flow", "head"])
    ('head', 'flow', 'head_2')
    """
    out: list[str] = []
    for name in names:
        numbered = (f"{name}_{i}" for i in itertools.count(2))
        out.append(next(n for n in itertools.chain([name], numbered) if n not in out))
    return tuple(out)


def slug(text: str) -> str:
    """Return a text as part of a name.

    >>> slug("Oil circuit: filter, pump")
    'oil_circuit_filter_pump'
    """
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
