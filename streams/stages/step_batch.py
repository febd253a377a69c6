"""Consecutive messages that the kernel takes in one step, because that comes to the same as one by one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.features.kernel import KernelState
from models.telemetry.samples import Int64, Samples
from streams.stage import Incoming


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one or more messages, the last of which is ``message``."""

    message: Incoming
    samples: Samples


@dataclass(slots=True)
class StepBatch:
    """Messages of one asset each, all of whose samples belong to panes that are not closed yet.

    Only the first message of an asset in the run may close panes: what is said of a pane, and of the values
    after it, is found from what is remembered then. A late message, or one of many assets, does not fit, and
    is a step of its own.
    """

    state: KernelState
    parts: list[Part] = field(default_factory=list)
    _newest_ms: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.parts)

    def add(self, message: Incoming, samples: Samples, newest_ms: Int64) -> bool:
        """Take in a message whose assets (A,) have these newest times; return False where it does not fit."""
        if len(samples.assets) > 1:
            return False
        asset, newest = samples.assets[0], int(newest_ms[0])
        oldest = newest if len(samples) == 1 else int(samples.time_ms.min())
        if not self._fits(asset, oldest, newest):
            return False
        self._newest_ms[asset] = newest
        self.parts.append(Part(message, samples))
        return True

    def whole(self) -> Part:
        """Return all of at least one message as one part."""
        names = [part.samples.assets[0] for part in self.parts]
        table = {name: i for i, name in enumerate(dict.fromkeys(names))}
        rows = [len(part.samples) for part in self.parts]
        asset = np.repeat([table[name] for name in names], rows).astype(np.int32)
        time_ms = np.concatenate([part.samples.time_ms for part in self.parts])
        values = np.concatenate([part.samples.values for part in self.parts])
        return Part(self.parts[-1].message, Samples(tuple(table), asset, time_ms, values))

    def _fits(self, asset: str, oldest_ms: int, newest_ms: int) -> bool:
        hop_ms, known_ms = self.state.plan.hop_ms, self._newest_ms.get(asset)
        if known_ms is not None:
            return oldest_ms >= known_ms and newest_ms // hop_ms == known_ms // hop_ms
        row = self.state.index.get(asset)
        return row is None or oldest_ms // hop_ms > int(self.state.memory.at[row])
