"""Which of the newest rows of a measurement are wanted, in which order, and which part of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from streams.stores.store import Row, Value

Test = Literal["=", "!=", "<=", ">", "has", "of"]
ASSET, DETECTOR, TIME = "asset", "detector", "time_ms"
TAGS = frozenset(
    (ASSET, DETECTOR, "cause", "code", "kind", "partition", "reason", "sensor", "severity", "stage")
)
_NAME = re.compile(r"[a-z_]+")


@dataclass(frozen=True, slots=True)
class Condition:
    """What a field, a tag of `TAGS` or ``time_ms`` has to satisfy.

    ``has`` asks for a part of a text, ``of`` for one of several; a row without the field satisfies nothing.
    But rows of no asset are those whose ``asset`` is equal to an empty text.
    """

    name: str
    test: Test
    value: Value | Collection[str]

    def __post_init__(self) -> None:
        _check(self.name)

    @property
    def is_of_nobody(self) -> bool:
        """Whether it asks for rows of no asset."""
        return (self.name, self.test, self.value) == (ASSET, "=", "")


@dataclass(frozen=True, slots=True)
class Selection:
    """Of the newest row of each series those that satisfy all ``conditions``: ``most``, from ``start`` on.

    If ``every`` row is asked for, older ones of a series too. They come in the order of the field ``by``,
    those of the same by asset.
    """

    measurement: str
    by: str
    conditions: Sequence[Condition] = ()
    descending: bool = False
    start: int = 0
    most: int = 50
    every: bool = False

    def __post_init__(self) -> None:
        _check(self.measurement)
        _check(self.by)


@dataclass(frozen=True, slots=True)
class Selected:
    """A part of the rows, and how many were ``found`` in all."""

    found: int
    rows: Sequence[Row]


def _check(name: str) -> None:
    """Names become part of a query, and come from code alone."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r}: expected a name in snake_case")
