"""A worker does without transactions only if its broker has none, not because it heard nothing in time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    InvalidTransactionTimeout,
    KafkaConnectionError,
    TransactionalIdAuthorizationFailed,
    UnknownError,
)

from models.errors import ConfigError
from streams.kafka.connection import Connection
from streams.worker.grant import grants_transactions

BROKER = Connection("127.0.0.1:9092")
Ask = Callable[[Connection, str], Awaitable[bool]]


def answering(*answers: bool | Exception) -> Ask:
    left = list(answers)

    async def ask(_: Connection, name: str) -> bool:
        assert name == "plant-chillcast-features-probe"
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def asked(*answers: bool | Exception) -> bool:
    return grants_transactions(BROKER, "plant-chillcast-features", answering(*answers), lambda _: None)


@pytest.mark.parametrize("said", [True, False])
def test_what_a_broker_says_holds(caplog: pytest.LogCaptureFixture, *, said: bool) -> None:
    assert asked(said) == said
    assert not caplog.text


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        CoordinatorLoadInProgressError(),
        KafkaConnectionError("away"),
        UnknownError(),
        OSError(),
    ],
)
def test_anything_else_is_an_alarm_and_asked_again(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    assert asked(error, error, True)
    cries = [r.message for r in caplog.records if r.name == "chillcast.alarm"]
    assert len(cries) == 2
    assert "does not say whether it grants transactions" in cries[0]
    assert type(error).__name__ in cries[0]


def test_a_broker_that_forbids_the_id_is_refused_with_what_to_grant() -> None:
    wanted = "expected WRITE and DESCRIBE on transactional ids that begin with 'plant-chillcast-features'"
    with pytest.raises(ConfigError, match=wanted):
        asked(TransactionalIdAuthorizationFailed("id"))


def test_a_broker_whose_transactions_are_too_short_for_a_snapshot_is_refused_with_its_setting() -> None:
    with pytest.raises(ConfigError, match=r"transaction\.max\.timeout\.ms.*at least 600000"):
        asked(InvalidTransactionTimeout())


def test_the_embedded_broker_says_no_at_once(bootstrap: str, caplog: pytest.LogCaptureFixture) -> None:
    assert not grants_transactions(Connection(bootstrap), "x")
    assert "does not say" not in caplog.text
