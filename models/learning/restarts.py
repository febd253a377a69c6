"""When machines run again of which nobody logs it: by the fleet's rule for a machine that runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.features.evidence import running_column
from models.features.expectation import Expectation
from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.learning.history import WindowSource
from models.telemetry.event_log import OUTCOME, RESTART
from models.telemetry.samples import Event
from models.telemetry.window_keys import WindowKeys

RUNS = "running"


class WithRestarts:
    """Windows as they come, and among their events the restarts that the rule for running tells.

    A machine that had an outcome, and of which the log has no restart, runs again with the first of its
    shortest windows after the outcome that shows it above the rule's level.
    """

    def __init__(self, source: WindowSource, fleet: Fleet) -> None:
        self._source, self._rule = source, fleet.running
        self._told: list[Event] = []
        self._read = 0
        self._logged: set[str] = set()
        self._stands: dict[str, int] = {}
        self._length_ms = fleet.sampling.windows_s[0] * 1000

    @property
    def schema(self) -> FeatureSchema:
        """What stands where in the windows."""
        return self._source.schema

    @property
    def expectation(self) -> Expectation | None:
        """What the windows were computed with."""
        return self._source.expectation

    @property
    def events(self) -> list[Event]:
        """The events so far, and the restarts of machines that log none."""
        return [*self._source.events, *(e for e in self._told if e.asset not in self._logged)]

    def keys(self, windows: Windows) -> WindowKeys:
        """Return the keys of windows, each asset with the same number throughout the history."""
        return self._source.keys(windows)

    def until(self, end_ms: int, emit_s: int | None = None) -> Iterator[Windows]:
        """Yield the windows that end at or before ``end_ms``; call again to go on."""
        for windows in self._source.until(end_ms, emit_s):
            if self._rule is not None:
                self._read_log()
                self._look(windows, self._rule.above)
            yield windows

    def _read_log(self) -> None:
        """Note which machines stand, and which of them log that they run again."""
        for event in self._source.events[self._read :]:
            if event.kind == OUTCOME:
                self._stands[event.asset] = max(event.time_ms, self._stands.get(event.asset, 0))
            elif event.kind == RESTART:
                self._logged.add(event.asset)
        self._read = len(self._source.events)

    def _look(self, windows: Windows, above: float) -> None:
        """Note the machines that stood, and run."""
        if self._rule is None or not self._stands:
            return
        level = windows.values[:, running_column(self.schema, self._rule)]
        rows = np.flatnonzero(level > above)
        for i in rows[np.argsort(windows.end_ms[rows], kind="stable")].tolist():
            name, end_ms = windows.assets[windows.asset[i]], int(windows.end_ms[i])
            stood_ms = self._stands.get(name)
            if stood_ms is not None and end_ms - self._length_ms >= stood_ms:
                del self._stands[name]
                self._told.append(Event(end_ms, name, RESTART, RUNS))
