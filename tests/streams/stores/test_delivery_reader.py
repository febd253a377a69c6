"""Run over the embedded store, and over a real InfluxDB 2 server."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from models.cases.book import CaseBook
from models.cases.case import Case
from models.event_time import DAY_MS
from streams.stages.sink import delivery_point
from streams.stores.delivery_reader import channel_states, told_of
from streams.stores.store import Store
from tests.support.case_life import signal
from tests.support.case_store import DAY, sent
from tests.support.stores import STORES, opened

MINUTE_MS = 60_000
START_MS = DAY * DAY_MS


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return opened(request, tmp_path)


@pytest.fixture
def case() -> Case:
    found = CaseBook(14 * DAY_MS).hear(signal("open", DAY, asset="CH-0001")).case
    assert found is not None
    return found


def test_a_notice_says_since_when_it_was_tried_and_how_it_ended(store: Store, case: Case) -> None:
    name = case.case
    told = [
        sent(name, 1, "failed"),
        sent(name, 2, "failed"),
        sent(name, 3, "sent"),
        sent(name, 4, "failed", key="n2", channel="mail"),
        sent(name, 5, "given-up", key="n3", channel="pager"),
    ]
    store.add(map(delivery_point, told))
    store.flush()
    pager, mail, ops = told_of(store, case)
    assert (ops.channel, ops.route, ops.kind, ops.ending, ops.attempts) == (
        "ops",
        "critical",
        "opened",
        "sent",
        3,
    )
    assert (ops.first_ms, ops.last_ms) == (START_MS + MINUTE_MS, START_MS + 3 * MINUTE_MS)
    assert (mail.ending, mail.reason) == ("failed", "<no> route to host")
    assert (pager.ending, pager.attempts) == ("given-up", 5)


def test_what_was_told_of_other_cases_is_left_out_and_of_several_counts(store: Store, case: Case) -> None:
    both = replace(sent(case.case, 1, "sent"), cases=("b-1", case.case))
    other = sent(f"{case.case}0", 2, "sent", key="n2")
    store.add(map(delivery_point, [both, other]))
    store.flush()
    assert [told.last_ms for told in told_of(store, case)] == [START_MS + MINUTE_MS]


def test_nothing_was_told_in_an_empty_store(store: Store, case: Case) -> None:
    assert told_of(store, case) == []
    assert channel_states(store) == []


def test_a_channel_fails_if_its_last_attempt_did(store: Store, case: Case) -> None:
    told = [
        sent(case.case, 1, "failed", channel="ops"),
        sent(case.case, 2, "sent", channel="ops"),
        sent(case.case, 1, "sent", channel="pager"),
        sent(case.case, 2, "given-up", channel="pager"),
        sent(case.case, 1, "failed", channel="mail"),
    ]
    store.add(map(delivery_point, told))
    store.flush()
    states = channel_states(store)
    assert [(one.channel, one.fails) for one in states] == [("mail", True), ("pager", True), ("ops", False)]
    assert (states[1].sent_ms, states[1].reason) == (START_MS + MINUTE_MS, "<no> route to host")
    assert states[0].sent_ms is None
