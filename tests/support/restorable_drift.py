"""What watches residuals, saved and given back; and days on which some of them move."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from models.adaptation.fleet_drift import FleetDrift
from models.adaptation.fleet_drift import Remembered as Watching
from models.adaptation.label_delay import LabelDelay
from models.adaptation.label_delay import Remembered as Delayed
from models.adaptation.labels import Matured
from models.adaptation.performance import Performance
from models.adaptation.performance import Remembered as Measured
from models.adaptation.shared_drift import Usual
from models.event_time import DAY_MS

POINTS, MACHINES = 3, 26


def segments_of(asset: str) -> tuple[str, ...]:
    return (f"site:{int(asset[1:]) % 2}",)


@dataclass
class Observer:
    """All that watches, and what was saved of it."""

    watch: FleetDrift = field(default_factory=lambda: FleetDrift(np.eye(POINTS, dtype=bool), segments_of))
    performance: Performance = field(default_factory=Performance)
    delay: LabelDelay = field(default_factory=lambda: LabelDelay(7))
    known: dict[str, bytes] = field(default_factory=dict)
    heard: bool = False

    def act(self, step: tuple[Any, ...]) -> object:
        """Do one of what may happen."""
        name, *about = step
        if name == "scored":
            self.performance.scored(*about)
            return None
        if name == "matured":
            lessons, unlabelled, watermark_ms = about
            signals = self.performance.matured([Matured(*one) for one in lessons], unlabelled)
            return signals, self.performance.advance(watermark_ms)
        if name == "heard":
            self.heard = True
            return self.delay.heard(*about)
        if name == "observe":
            asset, day, moved = about
            self.watch.observe(asset, day * DAY_MS, np.array(moved, np.float32))
        elif name == "begin_anew":
            self.watch.begin_anew(*about)
        else:
            return list(self.watch.advance(about[0] * DAY_MS))
        return None

    def delta(self) -> list[tuple[bytes, bytes]]:
        """Return the assets that have changed, and what is common."""
        return list(self._changed())

    def _changed(self) -> Iterator[tuple[bytes, bytes]]:
        for asset in sorted(self.watch.changed):
            yield b"a" + asset.encode(), msgspec.msgpack.encode(self.watch.remember(asset))
        self.watch.changed.clear()
        if self.watch.stirred or self.heard or self.performance.changed:
            self.watch.stirred = self.heard = self.performance.changed = False
            yield (
                b"c",
                msgspec.msgpack.encode(
                    (self.watch.shared(), self.delay.remember(), self.performance.remember())
                ),
            )

    def restore(self, key: bytes, value: bytes) -> None:
        """Keep the newest version of each asset; take in what is common."""
        if key != b"c":
            self.known[key[1:].decode()] = value
            return
        form = tuple[tuple[dict[str, Usual], bytes], Delayed, Measured]
        shared, delayed, measured = msgspec.msgpack.decode(value, type=form)
        self.performance.restore(measured)
        self.watch.give_back(*shared)
        self.delay.restore(delayed)

    def restored(self) -> None:
        """Give all assets back."""
        for asset, value in self.known.items():
            self.watch.restore(asset, msgspec.msgpack.decode(value, type=Watching))


def moved(seed: int, days: int) -> list[tuple[Any, ...]]:
    """Residuals of machines, some of which move; work on them, findings, and days that end."""
    rng, level, out = np.random.default_rng(seed), np.zeros((MACHINES, POINTS)), list[tuple[Any, ...]]()
    for day in range(days):
        if day > 30 and rng.random() < 0.2:
            level[:: rng.integers(1, 3), rng.integers(POINTS)] += rng.normal(0, 1)
            level[rng.integers(MACHINES), rng.integers(POINTS)] += rng.normal(0, 3)
        for machine in range(MACHINES):
            if rng.random() < 0.95:
                row = (level[machine] + rng.normal(0, 0.1, POINTS)).tolist()
                out.append(("observe", f"m{machine}", day, row))
        if rng.random() < 0.1:
            out.append(("begin_anew", f"m{rng.integers(MACHINES)}"))
        if rng.random() < 0.2:
            out.append(("heard", int(rng.integers(0, 14))))
        for _ in range(3):
            out.append(("scored", float(rng.normal(-4, 1))))
        labels = [
            (day * DAY_MS, f"m{i}", float(rng.normal(-4, 1)), bool(rng.random() < 0.1)) for i in range(4)
        ]
        out.append(("matured", labels, int(rng.integers(3)), (day + 3) * DAY_MS))
        if rng.random() < 0.8:
            out.append(("advance", day - int(rng.integers(0, 2))))
    return out
