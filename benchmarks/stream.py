"""The features worker over a broker, against Faust agents that do nothing with the same messages.

Messages are written first; then the consumer is started, and timed from its first commit to its last. The
second agent gets its messages from the worker's own consumer, which hands them over faster than Faust's.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.load import SENSORS, blocks, samples
from benchmarks.record import record
from benchmarks.site import IDLE, STEADY, UNTRANSACTED, WORKER, Rate, Site, broker
from streams.kafka.connection import Connection
from streams.stage import Outgoing

GOAL, PER_S = 20e6, "messages/s"
BLOCK = 60 * SENSORS
TOGETHER = 8
FORMS: tuple[tuple[str, int, Callable[[], Iterable[Outgoing]]], ...] = (
    ("single samples", SENSORS, lambda: samples(100, 120_000)),
    ("blocks of 60", BLOCK, lambda: blocks(50, 500)),
    (f"blocks of 60 of {TOGETHER} assets", TOGETHER * BLOCK, lambda: blocks(48, 1500, TOGETHER)),
)


def rate(
    connection: Connection, folder: Path, name: str, load: Sequence[Outgoing], words: Sequence[str]
) -> Rate:
    """Return messages a second of what ``words`` start, over one partition."""
    site = Site(connection, folder, name, partitions=1)
    site.publish(load)
    with site.running(1, words) as workers:
        return asyncio.run(site.rate(len(load), workers))


def compare(connection: Connection, folder: Path, kind: str) -> None:
    """Measure each form of telemetry: the worker, agents that do nothing, and without transactions."""
    for form, readings, load in FORMS:
        slug, messages = form.replace(" ", "-"), list(load())
        worker, plain, idle, steady = (
            rate(connection, folder, f"{slug}-{i}", messages, words)
            for i, words in enumerate((WORKER, UNTRANSACTED, IDLE, STEADY))
        )
        for rival, other in (("an idle Faust agent", idle), ("an idle agent on its consumer", steady)):
            record(f"{form}: features worker against {rival}, {kind}", worker.per_s, other.per_s, PER_S)
            record(
                f"{form}: features worker against {rival}, processor time, {kind}",
                worker.per_core_s,
                other.per_core_s,
                PER_S,
            )
        record(f"{form}: with transactions against without, {kind}", worker.per_s, plain.per_s, PER_S)
        record(f"{form}: readings a core, {kind}", worker.per_core_s * readings, GOAL, "readings/s")


def main() -> None:
    """Measure on Apache Kafka, or on the embedded broker where that cannot be had."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        broker(Path(folder)) as (kind, connection),
    ):
        compare(connection, Path(folder), kind)


if __name__ == "__main__":
    main()
