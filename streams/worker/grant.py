"""Whether a broker grants transactions, as far as it says so."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    IncompatibleBrokerVersion,
    InvalidTransactionTimeout,
    KafkaError,
    TransactionalIdAuthorizationFailed,
    UnknownError,
    UnsupportedVersionError,
)
from aiokafka.protocol.admin import ApiVersionRequest

from models.errors import ConfigError
from streams.alarms import alarm
from streams.kafka.connection import Connection

log = logging.getLogger(__name__)

SNAPSHOT_S = 600  # it yields to processing; brokers allow a transaction 900 s if they are not told otherwise
_PROBE_S, _RETRY_S = 10.0, 2.0
_WRITE_TXN_MARKERS = 27  # a request by which brokers end each other's transactions


async def _ask(connection: Connection, name: str) -> bool:
    """Return whether a transactional id is granted; raises KafkaError if that was not said."""
    options = {"transactional_id": name, "transaction_timeout_ms": 1000 * SNAPSHOT_S}
    producer = AIOKafkaProducer(**connection.aiokafka(), **options)
    try:
        await producer.start()
    except KafkaError as error:
        if not await _is_refusal(producer.client, error):
            raise
        log.info("no transactional producer id: %r", error)
        return False
    finally:
        await producer.stop()
    return True


async def _is_refusal(client: Any, error: KafkaError) -> bool:
    """Return whether a broker has no transactions at all.

    The embedded broker lists the requests, and then answers that something unknown went wrong, as any broker
    may for a moment. But it knows nothing of the marks that end a transaction.
    """
    if isinstance(error.__cause__ or error, UnsupportedVersionError | IncompatibleBrokerVersion):
        return True
    if not isinstance(error, UnknownError):
        return False
    answer = await client.send(client.get_random_node(), ApiVersionRequest())
    return _WRITE_TXN_MARKERS not in {key for key, *_ in answer.api_versions}


async def _in_time(answer: Awaitable[bool]) -> bool:
    return await asyncio.wait_for(answer, _PROBE_S)


def grants_transactions(
    connection: Connection,
    group: str,
    ask: Callable[[Connection, str], Awaitable[bool]] = _ask,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Return whether the broker grants transactions; wait, with an alarm, until it says so or no.

    A broker that is starting, away or slow has not said no: a worker would do without for all its life.
    Raises ConfigError if it forbids the ids of the group, or transactions as long as a snapshot may take.
    """
    while True:
        try:
            return asyncio.run(_in_time(ask(connection, f"{group}-probe")))
        except (TransactionalIdAuthorizationFailed, ClusterAuthorizationFailedError) as error:
            expected = f"WRITE and DESCRIBE on transactional ids that begin with {group!r} (docs/security.md)"
            where = f"Kafka broker {connection} forbids"
            raise ConfigError(where, "transactional id", f"{group}-probe", expected) from error
        except InvalidTransactionTimeout as error:
            expected = f"at least {1000 * SNAPSHOT_S} (docs/operations.md)"
            setting = "transaction.max.timeout.ms"
            raise ConfigError(f"Kafka broker {connection}", setting, "less", expected) from error
        except (KafkaError, TimeoutError, OSError) as error:
            reason = f"{type(error).__name__}: {error}".removesuffix(": ")
            alarm(
                f"Kafka broker {connection} does not say whether it grants transactions ({reason}); retrying"
            )
        sleep(_RETRY_S)
