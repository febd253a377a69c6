"""A Faust agent with chillcast's settings that acknowledges what it is given, and does nothing else."""

from __future__ import annotations

from typing import Any

import faust
from aiokafka import AIOKafkaProducer

from chillcast.settings import read_settings
from streams.messages import WATERMARK
from streams.stage import content_type
from streams.topics import Topics
from streams.worker import WorkerOptions, create_app


def main() -> None:
    """Consume telemetry; say so with the first message, and at the end."""
    settings = read_settings()
    topics = Topics(settings.topic_prefix)
    options = WorkerOptions(settings.connection, f"{topics.prefix}idle", (topics.telemetry,))
    app = create_app(options)

    async def run(stream: Any) -> None:
        producer = AIOKafkaProducer(**settings.connection.aiokafka())
        await producer.start()
        first = True
        async for events in stream.noack_take(options.batch, within=options.within_s):
            if first:
                await producer.send_and_wait(topics.features, b"begin", partition=0)
            first = False
            for event in events:
                event.ack()
            if content_type(events[-1].message.headers) == WATERMARK:
                headers = [("content-type", WATERMARK.encode())]
                await producer.send_and_wait(topics.features, b'{"end":true}', partition=0, headers=headers)

    app.agent(app.topic(topics.telemetry, key_type=bytes, value_type=bytes), concurrency=1)(run)
    faust.Worker(app, quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
