"""The features worker over a broker, against a Faust agent that does nothing with the same messages.

Messages are written first; then the consumer is started, and timed from its first commit to its last.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.load import SENSORS, blocks, samples
from benchmarks.record import record
from benchmarks.site import IDLE, WORKER, Site, broker
from streams.connection import Connection
from streams.stage import Outgoing


def rate(
    connection: Connection, folder: Path, name: str, load: Sequence[Outgoing], words: Sequence[str]
) -> float:
    """Return messages a second of what ``words`` start, over one partition."""
    site = Site(connection, folder, name, partitions=1)
    site.publish(load)
    with site.running(1, words):
        return asyncio.run(site.rate(len(load)))


def main() -> None:
    """Measure single samples and blocks against the agent that does nothing."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as temporary,
        broker(Path(temporary)) as (kind, connection),
    ):
        folder = Path(temporary)
        print(f"on {kind}")
        for form, load in (
            ("single samples", list(samples(100, 80_000))),
            ("blocks of 60", list(blocks(50, 200))),
        ):
            slug = form.replace(" ", "-")
            idle = rate(connection, folder, f"{slug}-idle", load, IDLE)
            worker = rate(connection, folder, f"{slug}-worker", load, WORKER)
            record(f"{form}: features worker against an idle Faust agent, {kind}", worker, idle, "messages/s")
        record(f"blocks of 60: readings, {kind}", worker * 60 * SENSORS, 20e6, "readings/s")


if __name__ == "__main__":
    main()
