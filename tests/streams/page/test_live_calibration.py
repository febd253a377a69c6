from __future__ import annotations

from pathlib import Path

import pytest

from models.event_time import DAY_MS
from streams.page import live_calibration
from streams.page.live_calibration import calibrate, shutdowns_since
from streams.page.weeks import DAYS, Strip
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point

NOW_MS = 20_454 * DAY_MS + 3_600_000


def strip(name: str, risk: float, days: range) -> Strip:
    return Strip(name, [risk if i in days else None for i in range(DAYS)])


def test_risks_whose_time_is_over_are_held_against_what_came() -> None:
    strips = [strip("a", 0.6, range(DAYS)), strip("b", 0.03, range(DAYS))]
    first_end_ms = NOW_MS // DAY_MS * DAY_MS - (DAYS - 2) * DAY_MS
    found = calibrate(strips, {"a": [first_end_ms + 3 * DAY_MS]}, NOW_MS, 7.0)
    assert found.days == 2 * (DAYS - 1 - 7)
    assert found.came == 3
    assert found.expected == pytest.approx(20 * 0.63)
    low, high = found.bins
    assert (low.low, low.days, low.came) == (0.02, 20, 0.0)
    assert (high.low, high.high, high.days) == (0.5, 1.0, 20)
    assert high.said == pytest.approx(0.6)
    assert high.came == pytest.approx(3 / 20)


def test_an_outcome_at_the_end_of_a_day_belongs_to_the_days_before() -> None:
    end_ms = NOW_MS // DAY_MS * DAY_MS - (DAYS - 2) * DAY_MS
    found = calibrate([strip("a", 0.3, range(1))], {"a": [end_ms]}, NOW_MS, 7.0)
    assert (found.days, found.came) == (1, 0)
    found = calibrate([strip("a", 0.3, range(1))], {"a": [end_ms + 7 * DAY_MS]}, NOW_MS, 7.0)
    assert (found.days, found.came) == (1, 1)


def test_shutdowns_are_found_however_many_other_events_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_calibration, "_MOST_EVENTS", 3)
    store = SqliteStore(tmp_path / "store.db")
    for i in range(12):
        kind = "shutdown" if i % 2 else "start"
        store.add([Point("events", {"asset": "a", "kind": kind}, {"count": 1.0}, NOW_MS + i)])
    store.flush()
    assert shutdowns_since(store, NOW_MS) == {"a": [NOW_MS + i for i in (11, 9, 7)]}


def test_nothing_is_known_before_a_horizon_is_over() -> None:
    found = calibrate([strip("a", 0.3, range(20, DAYS))], {}, NOW_MS, 14.0)
    assert (found.days, found.bins) == (0, [])
