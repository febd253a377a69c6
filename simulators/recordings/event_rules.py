"""What in the rows of a recording is an event: rows that equal a word, a run of them being one event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.fleet.recording import EventRule
from models.intake.readings import begins
from models.telemetry.samples import Event, Int32, Int64
from simulators.recordings.layout import SensorRows
from simulators.recordings.rejects import shortened
from simulators.recordings.tables import as_text

Bools = npt.NDArray[np.bool_]
_TRUE, _FALSE = ("true", "t", "yes", "y", "1", "1.0"), ("false", "f", "no", "n", "0", "0.0")
_SHOWN = 5


def is_meant(text: str, equals: bool | int | float | str) -> bool:
    """Return whether a text equals a rule: a text to the letter, a number as a number, 1 also as True.

    >>> is_meant("0035", "35"), is_meant("0035", 35), is_meant("True", 1), is_meant("TRUE", "true")
    (False, True, True, True)
    """
    low = text.casefold()
    if isinstance(equals, bool):
        return low in (_TRUE if equals else _FALSE)
    if isinstance(equals, str):
        return text == equals or (low in ("true", "false") and low == equals.casefold())
    if low in ("true", "false"):
        return equals == (low == "true")
    try:
        return float(text) == equals
    except ValueError:
        return False


def begins_of_runs(asset: Int32, state: Int64) -> Int64:
    """Return the rows (in the order of machine and time) with which a machine's state begins or changes."""
    return np.flatnonzero(begins(asset, state))


class RuleLog:
    """The events of one rule, gathered part by part; of a run of equal rows only its ends are kept."""

    def __init__(self, rule: EventRule, name: str) -> None:
        self.rule, self.name = rule, name
        self._parts: list[tuple[Int32, Int64, Int64]] = []
        self._codes: dict[str, int] = {}
        self.held: Counter[str] = Counter()
        self.matched = 0

    def add(self, block: SensorRows) -> None:
        """Take a part of the rows, in any order of time."""
        found = self._column(block)
        if found is None:
            return
        texts, rows = found
        if not len(texts):
            return
        encoded = texts.dictionary_encode()
        words = encoded.dictionary.to_pylist()
        code = encoded.indices.to_numpy(zero_copy_only=False)
        self._count(words, code)
        meant = np.array([is_meant(word, self.rule.equals) for word in words])[code]
        self.matched += int(meant.sum())
        state = np.where(meant, self._states(block, rows), -1)
        self._keep(block.rows.asset[rows], block.rows.time_ms[rows], state)

    def events(self, names: Sequence[str]) -> list[Event]:
        """Return the events, of machines by their ``names``."""
        if not self._parts:
            return []
        asset, time_ms, state = _ordered(
            *(np.concatenate(column) for column in zip(*self._parts, strict=True))
        )
        first = np.arange(len(asset)) if self.rule.every_row else begins_of_runs(asset, state)
        codes = {number: code for code, number in self._codes.items()}
        out, before = [], (-1, False)
        for row in first.tolist():
            own, moment, runs = int(asset[row]), int(time_ms[row]), bool(state[row] >= 0)
            if runs:
                moment += self.rule.after_s * 1000
                out.append(Event(moment, names[own], self.rule.kind, codes[int(state[row])]))
            elif self.rule.then and before == (own, True):
                out.append(Event(moment, names[own], self.rule.then))
            before = own, runs
        return out

    def remark(self) -> str | None:
        """Say that the rule matched nothing, and what its column holds instead."""
        if self.matched or not self.held:
            return None if self.held else f"{self.name}: no file has a column {self.rule.column!r}"
        shown = ", ".join(f"{shortened(word)} ({n})" for word, n in self.held.most_common(_SHOWN))
        return (
            f"{self.name}: no row in which {self.rule.column} equals {self.rule.equals!r}: it holds {shown}"
        )

    def _column(self, block: SensorRows) -> tuple[pa.StringArray, Int64] | None:
        """Return the texts that the rule looks at, and their rows: of a column, or of a point."""
        columns, name = block.chunk.columns, self.rule.column
        if name in columns:
            return pc.fill_null(as_text(columns[name]), ""), np.arange(len(block.rows))
        points, values = block.points, block.point_values
        if points is None or values is None:
            return None
        rows = np.flatnonzero(pc.equal(points, name).to_numpy(zero_copy_only=False))
        texts = pc.fill_null(as_text(values), "").take(pa.array(rows))
        return (texts, rows) if len(rows) else None

    def _states(self, block: SensorRows, rows: Int64) -> Int64:
        """Return a number for the code of each row."""
        column = self.rule.code_column
        if not column or column not in block.chunk.columns:
            return np.full(len(rows), self._codes.setdefault(self.rule.code, len(self._codes)))
        texts = pc.fill_null(as_text(block.chunk.columns[column]), "").take(pa.array(rows)).to_pylist()
        return np.array([self._codes.setdefault(text or self.rule.code, len(self._codes)) for text in texts])

    def _keep(self, asset: Int32, time_ms: Int64, state: Int64) -> None:
        asset, time_ms, state = _ordered(asset, time_ms, state)
        each = self.rule.every_row
        kept = np.flatnonzero(state >= 0) if each else begins_of_runs(asset, state)
        self._parts.append((asset[kept], time_ms[kept], state[kept]))

    def _count(self, words: list[str], code: Int64) -> None:
        if len(self.held) < 1000:
            for word, n in zip(words, np.bincount(code, minlength=len(words)).tolist(), strict=True):
                self.held[word] += n


def _ordered(asset: Int32, time_ms: Int64, state: Int64) -> tuple[Int32, Int64, Int64]:
    order = np.lexsort((time_ms, asset))
    return asset[order], time_ms[order], state[order]
