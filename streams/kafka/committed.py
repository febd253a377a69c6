"""Every consumer is made here: none is given a message of a transaction that is open, or was aborted.

Both libraries, and Faust, would deliver those too: read by a stage, they are processed twice.
"""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer
from kafka import KafkaConsumer

from streams.kafka.connection import Connection
from streams.wire.validation import MAX_BYTES

ISOLATION = "read_committed"
_COMMON: dict[str, Any] = {
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "isolation_level": ISOLATION,
    "max_partition_fetch_bytes": MAX_BYTES,
}


def aiokafka_consumer(connection: Connection, **options: Any) -> AIOKafkaConsumer:
    """Return a consumer for coroutines; it has to be started."""
    return AIOKafkaConsumer(**connection.aiokafka(), **_COMMON, **options)


def kafka_python_consumer(connection: Connection, **options: Any) -> KafkaConsumer:
    """Return a consumer for threads, connected."""
    return KafkaConsumer(**connection.kafka_python(), **_COMMON, **options)
