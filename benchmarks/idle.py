"""A Faust agent with chillcast's settings that acknowledges what it is given, and does nothing else."""

from __future__ import annotations

from typing import Any

import faust

from chillcast.settings import read_settings
from streams.topics import Topics
from streams.worker import WorkerOptions, create_app


def main() -> None:
    """Consume telemetry."""
    settings = read_settings()
    topics = Topics(settings.topic_prefix)
    options = WorkerOptions(
        settings.connection, topics.group("features"), (topics.telemetry,), data_folder=settings.home
    )
    app = create_app(options)

    async def run(stream: Any) -> None:
        async for events in stream.noack_take(options.batch, within=options.within_s):
            for event in events:
                event.ack()

    app.agent(app.topic(topics.telemetry, key_type=bytes, value_type=bytes), concurrency=1)(run)
    faust.Worker(app, quiet=True, redirect_stdouts=False, override_logging=False).execute_from_commandline()


if __name__ == "__main__":
    main()
