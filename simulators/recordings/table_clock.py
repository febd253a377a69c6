"""The times of a table: UTC milliseconds, with a name for what is none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.errors import RecordingError
from models.event_time import LATEST_MS
from models.fleet.recording import TextTable
from models.intake.local_clock import LocalClock
from models.intake.times import Int64, Times, native_times, parse_times, why_not
from simulators.recordings.chunk import Chunk
from simulators.recordings.rejects import Rejects, shortened
from simulators.recordings.tables import as_text


class TableClock:
    """Reads the times of tables: UTC milliseconds, with a name for what is none."""

    def __init__(self, form: TextTable, time: str, date: str, period_ms: int) -> None:
        self.form, self._time, self._date = form, time, date
        self._local = LocalClock(form, period_ms)

    @property
    def repeated(self) -> int:
        """How many local times existed twice."""
        return self._local.repeated

    def read(self, chunk: Chunk, rejects: Rejects, column: str = "") -> tuple[Times, Chunk]:
        """Return the times of rows, local where they have no offset, and those rows that have one."""
        name = column or self._time
        times = self._parsed(chunk, name)
        wrong = np.flatnonzero(times.bad)
        if len(wrong):
            text = self._texts(chunk, name)[int(wrong[0])].as_py()
            said = "nothing" if not text else shortened(text)
            why = why_not(text, self.form)
            if chunk.row[wrong[0]] <= 2 and "would read" not in why and "two columns" not in why:
                why += "; units_rows passes over rows under the heading"
            place = f"{chunk.place(int(wrong[0]), name)}: {said}: {why}"
            rejects.reject(self.form.on_bad, "rows without a time", place, len(wrong))
        far = np.flatnonzero(~times.bad & ((times.time_ms <= 0) | (times.time_ms >= LATEST_MS)))
        if len(far):
            at = int(far[0])
            place = f"{chunk.place(at, name)}: {int(times.time_ms[at])} ms"
            text = f"{place}: expected a time from 1970 to 2200; time_format says how it is written"
            rejects.reject(self.form.on_bad, "times before 1970 or after 2200", text, len(far))
        good = np.flatnonzero(~times.bad & (times.time_ms > 0) & (times.time_ms < LATEST_MS))
        if len(good) == len(chunk):
            return times, chunk
        return Times(times.time_ms[good], times.zoned[good], times.bad[good]), chunk.take(good)

    def to_utc(self, times: Times, series: Int64) -> Int64:
        """Return UTC milliseconds (n,)."""
        time_ms, local = times.time_ms.copy(), np.flatnonzero(~times.zoned)
        if len(local):
            time_ms[local] = self._local.to_utc(time_ms[local], series[local])
        return time_ms

    def _parsed(self, chunk: Chunk, name: str) -> Times:
        try:
            typed = None if self._date else native_times(chunk.columns[name])
        except ValueError as error:
            said = f"{chunk.place(0, name)}: {error}: name both columns: time = …, date = …"
            raise RecordingError(said) from error
        return typed or parse_times(self._texts(chunk, name), self.form)

    def _texts(self, chunk: Chunk, name: str) -> pa.StringArray:
        texts = as_text(chunk.columns[name])
        if not self._date:
            return pc.if_else(pc.equal(texts, ""), None, texts)
        return pc.binary_join_element_wise(as_text(chunk.columns[self._date]), texts, " ")
