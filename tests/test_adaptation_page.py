"""The page of adaptation says what its figures say, and its protocol tells nobody a label too soon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.adaptation import HORIZON_D, Layer, Static, Timed, follow, recall, saves, verdict
from benchmarks.adaptation_page import page, parted_table
from benchmarks.drifting_fleet import Stream
from models.event_time import DAY_MS
from models.fleet.inventory import Inventory
from models.telemetry.event_log import EventLog
from models.telemetry.labels import label
from models.telemetry.samples import Event
from models.telemetry.window_keys import WindowKeys

DOCS = Path(__file__).parent.parent / "docs"
MACHINES, DAYS = 40, 160


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCS / "adaptation.json").read_text(encoding="utf-8"))
    return found


def test_page_and_figures_are_of_one_run(report: dict[str, Any]) -> None:
    assert (DOCS / "adaptation.md").read_text(encoding="utf-8") == page(report)


def test_the_decision_against_one_learner_for_all_has_the_figures_of_the_run(report: dict[str, Any]) -> None:
    decision = (DOCS / "decisions" / "0021-each-partition-learns-for-itself.md").read_text(encoding="utf-8")
    assert parted_table(report["parted"]) in decision


def test_the_layer_loses_against_nobody(report: dict[str, Any]) -> None:
    verdicts = [row["verdict"] for one in report["streams"] for row in one["against"]]
    assert len(verdicts) == 4 * 5
    assert set(verdicts) <= {"wins", "ties"}


@pytest.fixture(scope="module")
def stream() -> Stream:
    """Machines that trip far more often than the champion says."""
    rng, names = np.random.default_rng(4), tuple(f"m{i}" for i in range(MACHINES))
    day, asset = np.divmod(np.arange(MACHINES * DAYS), MACHINES)
    keys = WindowKeys(names, asset.astype(np.int32), (day + 1).astype(np.int64) * DAY_MS)
    tripped = np.argwhere(rng.random((DAYS, MACHINES)) < 0.02).tolist()
    log = EventLog(Event(at * DAY_MS + 5, names[one], "shutdown") for at, one in tripped)
    known = Inventory({name: {"model": "X", "site": str(i % 2)} for i, name in enumerate(names)})
    labels = label(keys, log, DAYS * DAY_MS)
    logits = np.full(len(keys), -4.0)
    return Stream("toy", keys, logits, labels, known, log, 60 * DAY_MS, np.ones(len(keys), bool))


class Clerk(Static):
    """Writes down which day it was when each label came."""

    def __init__(self) -> None:
        self.now_ms, self.waited_ms = 0, list[int]()

    def predict_proba_one(self, x: dict[str, Any]) -> dict[bool, float]:
        self.now_ms = x["end_ms"]
        return super().predict_proba_one(x)

    def learn_one(self, x: dict[str, Any], y: bool) -> None:
        self.waited_ms.append(self.now_ms - x["end_ms"])


def test_no_label_is_told_before_its_horizon_has_passed(stream: Stream) -> None:
    clerk = Clerk()
    follow(stream, Timed(clerk, lambda x: x))
    told = clerk.waited_ms[: -MACHINES * int(HORIZON_D)]  # the last come when nothing is left to ask
    assert min(told) >= (HORIZON_D - 1) * DAY_MS
    assert len(clerk.waited_ms) == int(stream.labels.known(HORIZON_D).sum())


def test_on_a_fleet_that_trips_more_often_the_layer_wins_and_announces_no_less(stream: Stream) -> None:
    rows, adapted = follow(stream, Timed(Layer(stream), lambda x: x))
    _, static = follow(stream, Timed(Static(), lambda x: x))
    gain, low, high = saves(stream, rows, adapted, static)
    assert low < gain < high
    assert verdict(low, high) == "wins"
    announced, shutdowns = recall(stream, rows, adapted)
    assert 0 <= announced <= shutdowns
    assert shutdowns > 50


def test_layers_of_partitions_learn_from_their_own_machines_alone(stream: Stream) -> None:
    parted = Layer(stream, 4)
    follow(stream, Timed(parted, lambda x: x))
    labels = [layer.learners["fleet"].labels for layer in parted.layers]
    assert sum(labels) > 1000
    assert max(labels) < sum(labels)
