"""The same drift and the same loop on a real Kafka, in its transactions."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.kafka.connection import Connection
from tests.loop.closed_loop import check_mended, run_loop, settings_of
from tests.loop.drifting_fleet import Story

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(1800)]


def test_a_drifted_model_is_mended(kafka: Connection, home: Path) -> None:
    given = {"broker": kafka.bootstrap, "topic_prefix": "loop-", "session_timeout_s": 6}
    check_mended(run_loop(settings_of(home, **given), Story(), looped=True))
