"""Readings of one message, gathered into a row for each machine and time."""

from __future__ import annotations

import numpy as np

from models.errors import RecordError
from models.fleet.fleet import Fleet
from models.telemetry.samples import Samples, Values, value_type
from streams.wire.blocks import clear_infinite
from streams.wire.columns import Found, Row, Rows
from streams.wire.problems import capped

MOST_CELLS = 4 * 1024 * 1024


class GatheredRows:
    """Takes readings one by one; ``said`` counts the points that the message spoke of.

    A message may hold `MOST_CELLS` values, those that are missing included: memory is bounded by it.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._sensors, self._type = len(fleet.sensors), value_type(fleet.sensors)
        self._rows: dict[tuple[str, int], int] = {}
        self._places: list[tuple[int, int]] = []
        self._values: list[float] = []
        self._problems: list[str] = []
        self.said = 0

    def row(self, asset: str, time_ms: int) -> int:
        """Return the row of a machine and time; raises RecordError if there are too many."""
        number = self._rows.setdefault((asset, time_ms), len(self._rows))
        if (number + 1) * self._sensors > MOST_CELLS:
            del self._rows[asset, time_ms]
            raise RecordError(f"more than {number} machines and times in one message: expected fewer")
        return number

    def put(self, row: int, sensor: int, value: float) -> None:
        """Take a reading; of the same point twice the last stays."""
        self._places.append((row, sensor))
        self._values.append(value)

    def problem(self, text: str) -> None:
        """Take note of what could not be used."""
        self._problems.append(text)

    def found(self) -> Found:
        """Return the rows in which something is said; raises RecordError if the message holds no point."""
        if not self.said and not self._problems:
            raise RecordError("holds no point")
        values, problems = self._table()
        kept = np.flatnonzero(np.isfinite(values).any(axis=1))
        if not len(kept) and problems:
            raise RecordError("; ".join(problems))
        where = [list(self._rows)[i] for i in kept.tolist()]
        if len(where) == 1:
            return Row(*where[0], values[kept[0]].tolist(), problems)
        table = {name: i for i, name in enumerate(dict.fromkeys(name for name, _ in where))}
        asset = np.array([table[name] for name, _ in where], np.int32)
        time_ms = np.array([time_ms for _, time_ms in where], np.int64)
        return Rows(Samples(tuple(table), asset, time_ms, values[kept]), problems)

    def _table(self) -> tuple[Values, tuple[str, ...]]:
        """Return (rows, sensors) values, and all problems; what is too large for its type is missing."""
        values = np.full((len(self._rows), self._sensors), np.nan, self._type)
        if self._values:
            row, sensor = np.array(self._places, np.int64).T
            with np.errstate(over="ignore"):
                values[row, sensor] = np.array(self._values, np.float64).astype(self._type)
        infinite = clear_infinite(values)
        return values, (*capped(self._problems), *infinite)
