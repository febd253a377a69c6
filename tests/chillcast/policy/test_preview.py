"""`policy preview` reads the store, and says what another threshold would have done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.cases.stops import ask
from models.event_time import DAY_MS
from streams.stores.planned_stops import stop_point
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point
from tests.support.case_life import plans
from tests.support.commands import printed, refused

HOUR_MS, START_MS = DAY_MS // 24, 1_717_200_000_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A store in which CH-1 was risky for four days, and tripped after an alert."""
    store = SqliteStore(tmp_path / "store.db")
    for hour in range(60 * 24):
        day = hour / 24
        risk = 0.9 if 30 <= day < 34 else 0.05
        store.add([Point("scores", {"asset": "CH-1"}, {"risk_14d": risk}, START_MS + hour * HOUR_MS)])
    tags = {"asset": "CH-1", "severity": "warning", "stage": "open"}
    alert: dict[str, float | str] = {"fault": "bearing wear", "threshold": 0.4}
    store.add([Point("alerts", tags, alert, START_MS + 30 * DAY_MS)])
    tripped = {"asset": "CH-1", "kind": "shutdown", "code": "oil"}
    store.add([Point("events", tripped, {"count": 1.0}, START_MS + 34 * DAY_MS)])
    store.flush()
    store.close()
    return tmp_path


def test_a_policy_is_tried_on_what_the_store_holds(home: Path) -> None:
    picture = home / "trade.svg"
    found = json.loads(printed("policy", "preview", "--home", str(home), "--plot", str(picture), "--json"))
    assert (found["threshold"], found["cases"], found["announced"], found["shutdowns"]) == (0.4, 1, 1, 1)
    assert found["reasons"] == [{"suspected": "bearing wear", "cases": 1}]
    assert found["worst_machines"] == [{"machine": "CH-1", "cases": 1, "false": 0}]
    assert len(found["trade_off"]) > 1
    assert picture.read_text(encoding="utf-8").startswith("<?xml")


def test_a_case_in_a_planned_stop_is_held_and_a_shutdown_in_it_is_none(home: Path) -> None:
    store, day = SqliteStore(home / "store.db"), START_MS / DAY_MS
    stop = ask((), plans(day + 29, day + 40, day, asset="CH-1"))
    store.add([stop_point(stop)])
    store.flush()
    found = json.loads(printed("policy", "preview", "--home", str(home), "--json"))
    assert (found["cases"], found["held"], found["held_and_never_told"]) == (1, 1, 1)
    assert (found["shutdowns"], found["false_alarms"], found["most_in_a_shift"]) == (0, 0, 0)
    cancelled = ask((stop,), plans(0, 0, day, asset="CH-1", action="cancel"))
    store.add([stop_point(cancelled)])
    store.flush()
    store.close()
    found = json.loads(printed("policy", "preview", "--home", str(home), "--json"))
    assert (found["held"], found["shutdowns"], found["most_in_a_shift"]) == (0, 1, 1)


def test_a_threshold_that_nothing_reaches_opens_nothing(home: Path) -> None:
    found = json.loads(printed("policy", "preview", "--home", str(home), "--threshold", "0.95", "--json"))
    assert (found["cases"], found["announced"], found["shutdowns"]) == (0, 0, 1)


def test_a_time_without_risks_and_one_without_a_threshold_are_refused(home: Path) -> None:
    assert "no risks of this time" in refused(
        "policy", "preview", "--home", str(home), "--from", "2030-01-01"
    )
    early = ("policy", "preview", "--home", str(home), "--until", "2024-06-10")
    assert "--threshold" in refused(*early)
