"""A reader that remembers what it was asked for."""

from __future__ import annotations

from collections.abc import Sequence

from streams.stores.selection import Selected, Selection
from streams.stores.store import Reader, Row


class Counting:
    """A reader that remembers which measurements it was asked for."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.asked: list[str] = []

    def version(self) -> str | None:
        return self.reader.version()

    def stamp(self, measurement: str) -> str:
        return self.reader.stamp(measurement)

    def select(self, selection: Selection) -> Selected:
        self.asked.append(selection.measurement)
        return self.reader.select(selection)

    def latest(self, measurement: str, before_ms: int | None = None) -> Sequence[Row]:
        self.asked.append(measurement)
        return self.reader.latest(measurement, before_ms)

    def history(self, measurement: str, asset: str, start_ms: int, end_ms: int) -> Sequence[Row]:
        self.asked.append(measurement)
        return self.reader.history(measurement, asset, start_ms, end_ms)
