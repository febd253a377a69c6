"""What goes wrong while a source is sent is told to who waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from chillcast.pipeline.publishing import BackgroundReplay, Playing, ahead_of
from models.event_time import DAY_MS
from models.telemetry.samples import TimeSlice
from streams.kafka.connection import Connection
from streams.kafka.topics import Topics
from tests.support.tidy_telemetry import FLEET, clean


def wait_for(replay: BackgroundReplay) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        replay.raise_failure()
        time.sleep(0.05)


def test_whatever_ends_the_source_is_raised_where_one_waits_for_it(bootstrap: str) -> None:
    def breaking(_: int | None) -> Iterator[TimeSlice]:
        yield next(clean())
        raise KeyError("no such sensor")

    replay = BackgroundReplay(
        Playing("toy", breaking, DAY_MS, 2 * DAY_MS),
        FLEET,
        connection=Connection(bootstrap),
        topics=Topics("breaking-"),
        partitions=1,
        done_ms=lambda: 2 * DAY_MS,
        ahead_ms=DAY_MS,
    )
    with replay, pytest.raises(KeyError, match="no such sensor"):
        wait_for(replay)


def test_publishing_runs_ahead_by_a_hundred_thousand_rows_within_8_and_1000_hops() -> None:
    assert ahead_of(60, 1_000.0) == 100 * 60_000
    assert ahead_of(60, 1e9) == 8 * 60_000
    assert ahead_of(60, 0.0) == 1_000 * 60_000
