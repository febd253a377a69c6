"""The features worker over a broker, against a Faust agent that does nothing with the same messages.

Messages are written first; then the consumer is started, and timed from its first commit to its last.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.load import SENSORS, blocks, samples
from benchmarks.record import record
from benchmarks.site import IDLE, UNTRANSACTED, WORKER, Site, broker
from streams.connection import Connection
from streams.stage import Outgoing

GOAL = 20e6
BLOCK = 60 * SENSORS
TOGETHER = 8
FORMS: tuple[tuple[str, int, Callable[[], Iterable[Outgoing]]], ...] = (
    ("single samples", SENSORS, lambda: samples(100, 120_000)),
    ("blocks of 60", BLOCK, lambda: blocks(50, 500)),
    (f"blocks of 60 of {TOGETHER} assets", TOGETHER * BLOCK, lambda: blocks(48, 1500, TOGETHER)),
)


def rate(
    connection: Connection, folder: Path, name: str, load: Sequence[Outgoing], words: Sequence[str]
) -> float:
    """Return messages a second of what ``words`` start, over one partition."""
    site = Site(connection, folder, name, partitions=1)
    site.publish(load)
    with site.running(1, words):
        return asyncio.run(site.rate(len(load)))


def compare(connection: Connection, folder: Path, kind: str) -> None:
    """Measure each form of telemetry: the worker, the agent that does nothing, and without transactions."""
    for form, readings, load in FORMS:
        slug, messages = form.replace(" ", "-"), list(load())
        idle = rate(connection, folder, f"{slug}-idle", messages, IDLE)
        worker = rate(connection, folder, f"{slug}-worker", messages, WORKER)
        plain = rate(connection, folder, f"{slug}-plain", messages, UNTRANSACTED)
        record(f"{form}: features worker against an idle Faust agent, {kind}", worker, idle, "messages/s")
        record(f"{form}: with transactions against without, {kind}", worker, plain, "messages/s")
        record(f"{form}: readings, {kind}", worker * readings, GOAL, "readings/s")


def main() -> None:
    """Measure on Apache Kafka, or on the embedded broker where that cannot be had."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        broker(Path(folder)) as (kind, connection),
    ):
        compare(connection, Path(folder), kind)


if __name__ == "__main__":
    main()
