"""Every consumer is made here: none is given a message of a transaction that is open, or was aborted.

The library, and Faust, would deliver those too: read by a stage, they are processed twice.
"""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer

from streams.kafka.connection import Connection
from streams.kafka.damage import deliver_damage
from streams.kafka.group_offsets import heed_refusals
from streams.wire.validation import MAX_BYTES

ISOLATION = "read_committed"
_COMMON: dict[str, Any] = {
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "isolation_level": ISOLATION,
    "max_partition_fetch_bytes": MAX_BYTES,
}


def mend_client() -> None:
    """Have every consumer of aiokafka in this process deliver damaged batches, and heed refusals."""
    deliver_damage()
    heed_refusals()


def aiokafka_consumer(connection: Connection, **options: Any) -> AIOKafkaConsumer:
    """Return a consumer, which has to be started; a damaged batch is one message to it."""
    mend_client()
    return AIOKafkaConsumer(**connection.aiokafka(), **{**_COMMON, **options})
