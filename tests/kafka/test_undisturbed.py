"""The run that faults are compared with says something of everything, and what the kernel alone says."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np
import pytest

from models.cases.book import Answer
from models.learning.history import History
from models.registry.promotion import CHALLENGER, CHAMPION
from streams.records import Assignment
from tests.kafka.elements import Key, Said
from tests.kafka.fault_run import STAGES, compared
from tests.kafka.toy import FIRST, PARTITIONS, RIVAL, SECOND, fleet, telemetry
from tests.kafka.undisturbed import undisturbed
from tests.support.collected import Final, collect

DETECTORS = {"quality", "missing", "stuck", "out-of-range", "silent", "unit", "dead-letters"}


@pytest.fixture(scope="module")
def said() -> Said:
    """What an undisturbed run says in which the second champion begins at the hundredth element."""
    begun = (
        Assignment(role=CHAMPION, version=FIRST, sha256="", offset=0, number=1),
        Assignment(role=CHALLENGER, version=RIVAL, sha256="", offset=0, number=2),
        Assignment(role=CHAMPION, version=SECOND, sha256="", offset=100, number=3),
    )
    return undisturbed().said(dict.fromkeys(range(PARTITIONS), begun))


def test_every_topic_and_store_has_something_to_compare(said: Said) -> None:
    topics = {stage: {key[0] for key in said[stage]} for stage in STAGES}
    assert topics == {
        "features": {"features", "events", "drift", "dead-letters"},
        "risk": {"features", "scores", "shadow", "alerts", "drift", "promotions"},
        "cases": {"case-commands", "cases", "case-replies", "outcomes", "notices", "dead-letters"},
        "delivery": {"deliveries"},
        "sink": {"store"},
        "landing": {"windows", "events"},
    }
    stored = {key[1] for key in said["sink"]}
    assert stored == {
        "scores",
        "alerts",
        "cases",
        "case_history",
        "deliveries",
        "explanations",
        "readings",
        "drift",
        "events",
        "watermarks",
    }
    assert {key[2] for key in said["features"] if key[0] == "drift"} == DETECTORS
    said_of_scores = {key[2] for key in said["risk"] if key[0] == "drift"}
    assert said_of_scores == {"adwin", "adwin-errors", "performance"}


def test_cases_open_are_explained_again_and_close_and_the_online_layer_has_learnt(said: Said) -> None:
    alerts = Counter(key[3] for key in said["risk"] if key[0] == "alerts")
    assert min(alerts[stage] for stage in ("open", "update", "closed")) > 10
    scored = [
        next(iter(value))
        for key, value in said["risk"].items()
        if key[0] == "scores" and key[2] != "watermark"
    ]
    last = np.array([np.frombuffer(value[-24:], np.float64) for value in scored if value])
    assert (last[:, 0] != last[:, 2]).mean() > 0.5


def test_people_are_heard_and_refused_and_what_they_found_is_landed(said: Said) -> None:
    replies = [
        msgspec.json.decode(next(iter(value)), type=Answer)
        for key, value in said["cases"].items()
        if key[0] == "case-replies"
    ]
    accepted = Counter(answer.accepted for answer in replies)
    assert min(accepted[True], accepted[False]) > 50
    landed = {key[4] for key in said["landing"] if key[0] == "events" and key[3] == "finding"}
    assert landed > {"confirmed", "no-fault-found"}
    assert "not-inspected" not in landed


def test_poison_leaves_a_dead_letter_for_each_reader_of_its_topic() -> None:
    letters = [
        (key[1], count)
        for stage in STAGES
        for key, value in undisturbed(poisoned=True).said({})[stage].items()
        for count in value.values()
        if key[0] == "dead-letters"
    ]
    assert {topic for topic, _ in letters} == {
        *("telemetry", "features", "scores", "alerts", "drift", "events"),
        *("case-commands", "cases", "outcomes", "notices", "deliveries"),
    }
    assert {count for topic, count in letters if topic in ("features", "alerts", "outcomes")} == {2}


def test_its_windows_are_those_of_the_kernel_alone(said: Said) -> None:
    kernel: Final = {}
    for windows in History(fleet(), telemetry().slices()).until(1 << 62):
        collect(kernel, windows)
    newest: Final = {}
    for key, value in sorted(said["landing"].items(), key=str):
        if key[0] == "windows":
            _, asset, end_ms, _ = key
            newest[str(asset), int(str(end_ms))] = next(iter(value))
    assert newest == kernel


def test_a_comparison_tells_missing_wrong_and_duplicate_apart() -> None:
    expected: dict[Key, Counter[bytes]] = {
        ("a",): Counter({b"1": 1}),
        ("b",): Counter({b"1": 1}),
        ("c",): Counter({b"1": 1}),
    }
    assert compared(expected, expected) == (3, 0, 0, 0)
    assert compared(expected, {**expected, ("a",): Counter()}) == (3, 1, 0, 0)
    assert compared(expected, {**expected, ("a",): Counter({b"2": 1})}) == (3, 0, 1, 0)
    assert compared(expected, {**expected, ("a",): Counter({b"1": 1, b"2": 1})}) == (3, 0, 1, 0)
    assert compared(expected, {**expected, ("a",): Counter({b"1": 3})}) == (3, 0, 0, 2)
    assert compared(expected, {**expected, ("d",): Counter({b"1": 1})}) == (3, 0, 1, 0)
