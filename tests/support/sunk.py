"""What comes to the sink, and a store that fails as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from models.errors import UnavailableError
from models.event_time import DAY_MS
from models.risk.explanation import Reason
from streams.kafka.topics import Topics
from streams.records import Alert, Readings, Scores
from streams.stage import Incoming, Outgoing
from streams.stages.sink import SinkStage
from streams.stores.store import Flushed, Point, Rejection

TOPICS = Topics("t.")
NOON_MS = 20_000 * DAY_MS + DAY_MS // 2
REASON = Reason(key="s0", label="S0", unit="K", value=None, baseline=1.0, contribution=0.5)
OPEN = Alert(
    case="a-1",
    asset="a",
    stage="open",
    severity="critical",
    time_ms=NOON_MS,
    opened_ms=NOON_MS,
    risk=0.5,
    threshold=0.2,
    horizon_d=7.0,
    text="Likely stop within 2 days",
    fault="fouling",
    check="clean the tubes",
    sensors=[REASON],
    model="3",
    from_d=1.5,
    to_d=9.0,
)
READINGS = Readings(
    np.array([1], np.int32),
    ("s0", "s1", "s2"),
    np.array([[61.23456, 3.0, np.nan]], np.float32),
    np.array([[60.0, np.nan, 1.0]], np.float32),
    np.array([[0.5, np.nan, 1.0]], np.float32),
)
"""Of the second machine of `scores`."""


@dataclass
class FakeSink:
    """Fails as often as it is told to, then takes everything but the points of ``refused`` assets."""

    failures: int = 0
    refused: str = ""
    waiting: list[Point] = field(default_factory=list)
    written: list[Point] = field(default_factory=list)

    def add(self, points: Iterable[Point]) -> None:
        self.waiting += points

    def flush(self) -> Flushed:
        if self.failures:
            self.failures -= 1
            raise UnavailableError("store http://here: connection refused")
        bad = [p for p in self.waiting if p.tags.get("asset") == self.refused]
        good = [p for p in self.waiting if p not in bad]
        self.written += good
        self.waiting = []
        return Flushed(len(good), tuple(Rejection(p, "out of bounds") for p in bad))

    def close(self) -> None:
        """Nothing is open."""


def scores(assets: tuple[str, ...] = ("a", "b")) -> Scores:
    n = len(assets)
    risk = np.linspace(0.1, 0.8, 2 * n).reshape(n, 2)
    asset, end_ms = np.arange(n, dtype=np.int32), np.full(n, NOON_MS)
    keys, evidence = (assets, asset, end_ms, np.zeros(n, np.int32)), np.linspace(1.0, 0.5, n)
    return Scores("3", (1.0, 7.0), *keys, risk, risk[:, 1].copy(), (), evidence)


def arrive(out: Outgoing, partition: int = 1, offset: int = 9) -> Incoming:
    return Incoming(out.topic, partition, offset, out.key, out.value, out.content_type)


def settled(stage: SinkStage, *incoming: Incoming) -> list[Outgoing]:
    out = list(stage.process(incoming))
    return out + list(asyncio.run(stage.flush()))
