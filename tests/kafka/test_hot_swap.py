"""The same promotions and kills as on the embedded broker, in the transactions of a real Kafka."""

from __future__ import annotations

from pathlib import Path

import pytest

from chillcast.settings import Settings
from streams.kafka.connection import Connection
from tests.support.swaps import check_swaps
from tests.support.toy_model import fleet, trained

pytestmark = pytest.mark.kafka


def test_each_message_is_scored_by_one_version_over_promotions_and_kills(
    kafka: Connection, home: Path
) -> None:
    settings = Settings(
        home=str(home),
        broker=kafka.bootstrap,
        topic_prefix="swap-",
        session_timeout_s=6,
        state_interval_s=1,
    )
    check_swaps(trained(fleet()), settings)
