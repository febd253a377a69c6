"""A Faust agent with chillcast's settings that acknowledges what it is given, and does nothing else.

Faust delivers as it does by itself, but for the second it would sleep where a buffer is full; with the word
``steady`` as it does to chillcast's workers.
"""

from __future__ import annotations

import sys
from typing import Any

import faust
from faust.transport.drivers.aiokafka import Consumer

from chillcast.settings import read_settings
from streams.kafka.topics import Topics
from streams.worker.lane import WorkerOptions
from streams.worker.worker import create_app


class Waiting(Consumer):
    """Faust's consumer, which waits for room in a full buffer."""

    def on_buffer_full(self, tp: Any) -> None:
        """Do nothing."""


def main() -> None:
    """Consume telemetry."""
    settings = read_settings()
    topics = Topics(settings.topic_prefix)
    options = WorkerOptions(
        settings.connection, topics.group("features"), (topics.telemetry,), data_folder=settings.home
    )
    app = create_app(options)
    if "steady" not in sys.argv:
        app.conf.Monitor = faust.Monitor
        app.transport.Consumer = Waiting  # type: ignore[misc]

    async def run(stream: Any) -> None:
        async for events in stream.noack_take(options.batch, within=options.within_s):
            for event in events:
                event.ack()

    app.agent(app.topic(topics.telemetry, key_type=bytes, value_type=bytes), concurrency=1)(run)
    sys.argv[1:] = []
    faust.Worker(app, quiet=True, redirect_stdouts=False, override_logging=False).execute_from_commandline()


if __name__ == "__main__":
    main()
