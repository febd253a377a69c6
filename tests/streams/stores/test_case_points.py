from __future__ import annotations

import pytest

from models.cases.book import CaseBook
from models.errors import UnavailableError
from models.event_time import DAY_MS
from streams.stores.case_points import case_point, entry_point, read_case, read_entry
from streams.stores.store import Row
from tests.support.case_life import asks, signal, told


def test_a_case_and_its_history_come_back_as_they_were() -> None:
    book = CaseBook(14 * DAY_MS)
    entries = told(book, signal("open", 1), asks("resolve", 1, outcome="confirmed", text="tubes"))
    case = book.remember("a").case
    assert case is not None
    point = case_point(case)
    assert (point.tags, point.time_ms, point.fields["state"]) == ({"asset": "a"}, DAY_MS, "resolved")
    assert read_case(Row(point.time_ms, point.tags, point.fields)) == case
    kept = [entry_point(entry) for entry in entries]
    assert [p.tags["kind"] for p in kept] == ["opened", "resolved"]
    assert [read_entry(Row(p.time_ms, p.tags, p.fields)) for p in kept] == entries


def test_what_is_taken_back_leaves_no_field_behind() -> None:
    """Fields merge in a store: one that is left out would stay as it was."""
    book = CaseBook(14 * DAY_MS)
    told(book, signal("open", 1))
    names = []
    for step in (asks("acknowledge", 1), asks("assign", 2, assignee="b"), asks("unacknowledge", 3)):
        told(book, step)
        case = book.remember("a").case
        assert case is not None
        names.append(set(case_point(case).fields))
    assert names[0] == names[1] == names[2]


def test_a_row_that_is_no_case_is_said_to_be_unreadable() -> None:
    with pytest.raises(UnavailableError, match="cannot be read"):
        read_case(Row(1, {"asset": "a"}, {"content": "{"}))
