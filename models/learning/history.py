"""A history: windows in order of time, with the events up to them, wherever they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from models.errors import ModelError
from models.features.expectation import Expectation, Fold
from models.features.kernel import Kernel, KernelCounts, Windows
from models.features.memory import KernelState
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, TimeSlice
from models.telemetry.window_keys import WindowKeys

Numbers = npt.NDArray[Any]
NO_WINDOWS = "the history closes no window in a part of its range: expected telemetry up to its end"


class WindowSource(Protocol):
    """Windows in order of time, wherever they come from, and the events up to them."""

    @property
    def events(self) -> list[Event]:
        """The events so far."""

    @property
    def schema(self) -> FeatureSchema:
        """What stands where in the windows."""

    @property
    def expectation(self) -> Expectation | None:
        """What the windows were computed with."""

    def until(self, end_ms: int, emit_s: int | None = None) -> Iterator[Windows]:
        """Yield the windows that end at or before ``end_ms``; call again to go on.

        ``emit_s``: only those whose end is a multiple of it.
        """

    def keys(self, windows: Windows) -> WindowKeys:
        """Return the keys of windows, each asset with the same number throughout the history."""


class History:
    """Runs slices through the kernel, remembering the events."""

    def __init__(
        self,
        fleet: Fleet,
        slices: Iterable[TimeSlice],
        expectation: Expectation | None = None,
        folds: Sequence[Fold] = (),
    ) -> None:
        self.fleet, self.expectation, self.folds = fleet, expectation, folds
        self.kernel = Kernel(fleet, expectation, folds=folds)
        self.schema = self.kernel.schema
        self.state: KernelState = self.kernel.start()
        self.assets = self.state.assets
        self.tally = KernelCounts(self.kernel.sensors)
        self.events: list[Event] = []
        self._slices = iter(slices)
        self._ahead: TimeSlice | None = None

    def until(self, end_ms: int, emit_s: int | None = None) -> Iterator[Windows]:
        """Yield the windows of every slice that ends at or before ``end_ms``; call again to go on.

        ``emit_s``: only those whose end is a multiple of it.
        """
        kernel = Kernel(self.fleet, self.expectation, emit_s, self.folds) if emit_s else self.kernel
        for part in self._take(end_ms):
            yield from self.see(part, kernel)

    def see(self, part: TimeSlice, kernel: Kernel | None = None) -> Iterator[Windows]:
        """Yield the windows of one more slice."""
        kernel = kernel or self.kernel
        self.events += part.events
        for windows, tally in (
            kernel.step(self.state, part.samples),
            kernel.close(self.state, part.end_ms),
        ):
            self.tally.add(tally)
            if len(windows):
                yield windows

    def keys(self, windows: Windows) -> WindowKeys:
        """Return the keys of windows, each asset with the same number throughout this history."""
        table = np.array([self.state.index[name] for name in windows.assets], np.int32)
        return WindowKeys(self.assets, table[windows.asset], windows.end_ms)

    def _take(self, end_ms: int) -> Iterator[TimeSlice]:
        while True:
            part = self._ahead or next(self._slices, None)
            self._ahead = None
            if part is None:
                return
            if part.end_ms > end_ms:
                self._ahead = part
                return
            yield part


@dataclass
class KeptWindows:
    """Windows of a history, part by part, with what is kept of each."""

    parts: list[tuple[WindowKeys, Numbers]] = field(default_factory=list)

    def add(self, keys: WindowKeys, values: Numbers) -> None:
        """Keep a row of ``values`` (n, …) per window."""
        self.parts.append((keys, values))

    def table(self) -> tuple[WindowKeys, Numbers]:
        """Return the keys of all windows and their values (n, …); ModelError if there is no window."""
        if not self.parts:
            raise ModelError(NO_WINDOWS)
        asset = np.concatenate([keys.asset for keys, _ in self.parts])
        end_ms = np.concatenate([keys.end_ms for keys, _ in self.parts])
        values = np.concatenate([values for _, values in self.parts])
        return WindowKeys(self.parts[-1][0].assets, asset, end_ms), values
