"""What a sink takes and what a page reads: one interface over the embedded store and InfluxDB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from streams.stores.selection import Selected, Selection

Value = float | str


@dataclass(frozen=True, slots=True)
class Point:
    """One row of a measurement; the same measurement, tags and time overwrite, fields merge.

    Tags are few and bounded (docs/stores.md lists them); numbers are always written as floats.
    """

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, Value]
    time_ms: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """A point the store will never take, and its answer."""

    point: Point
    reason: str


@dataclass(frozen=True, slots=True)
class Flushed:
    """What became of the points added since the last flush."""

    written: int
    rejected: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One point as it is read back."""

    time_ms: int
    tags: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Value] = field(default_factory=dict)

    def word(self, name: str) -> str:
        """Return a word, be it a tag or a field; empty if there is none."""
        return str(self.tags.get(name) or self.fields.get(name, ""))

    def number(self, name: str) -> float:
        """Return a field that is a number, 0 if there is none."""
        value = self.fields.get(name)
        return float(value) if isinstance(value, (int, float)) else 0.0


class Sink(Protocol):
    """Writes points. Points are kept from ``add`` until a ``flush`` has an answer for each."""

    def add(self, points: Iterable[Point]) -> None:
        """Take points in; nothing is promised yet."""

    def flush(self) -> Flushed:
        """Write all that was added.

        Returns when every point is stored or rejected for good. Raises UnavailableError, and keeps the
        points for the next flush, while the store does not answer or refuses the credentials.
        """

    def close(self) -> None:
        """Release the connection; points that were not flushed are lost."""


class Reader(Protocol):
    """Reads points back, oldest first. All raise UnavailableError while the store does not answer."""

    def latest(self, measurement: str, before_ms: int | None = None) -> Sequence[Row]:
        """Return the newest row of every series (set of tags) of ``measurement``.

        Of the rows before ``before_ms`` if that is given; a series that has none is left out.
        """

    def history(self, measurement: str, asset: str, start_ms: int, end_ms: int) -> Sequence[Row]:
        """Return the rows of one asset in [start_ms, end_ms), by time."""

    def select(self, selection: Selection) -> Selected:
        """Return a part of the newest rows that satisfy what is asked, and how many do."""

    def stamp(self, measurement: str) -> str:
        """Return a text that is another once a row with a ``revision`` was written or changed."""

    def version(self) -> str | None:
        """Return a text that is another once anything was written, None if the store cannot tell."""


class Store(Sink, Reader, Protocol):
    """Both verbs of writing and both of reading."""
