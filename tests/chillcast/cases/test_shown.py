from __future__ import annotations

import csv
import io
from typing import Any

from chillcast.cases.shown import as_csv, detail, row
from chillcast.terminal.tables import as_text
from models.cases.book import CaseBook
from models.cases.case import Case, Entry
from models.event_time import DAY_MS
from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes
from tests.support.case_life import asks, signal, told

TIMES = SiteTimes(Inventory({"a": {"timezone": "Asia/Tokyo"}}))


def lived(*steps: Any) -> tuple[Case, list[Entry]]:
    book = CaseBook(DAY_MS)
    history = told(book, *steps)
    case = book.remember("a").case
    assert case is not None
    return case, history


def test_a_line_says_when_it_is_likely_in_dates_of_the_site() -> None:
    case, _ = lived(signal("open", 20_000), asks("assign", 1, assignee="bob"))
    shown = row(case, TIMES, 0)
    assert (shown["likely"], shown["since"]) == ("2024-10-05 to 2024-10-09", "2024-10-04 09:00 JST")
    assert (shown["machine"], shown["state"], shown["suspected"], shown["assignee"]) == (
        "a",
        "new",
        "fouling",
        "bob",
    )


def test_all_that_was_done_is_told_with_who_and_when() -> None:
    case, history = lived(
        signal("open", 20_000),
        asks("acknowledge", 1, day=20_000, text="on my way"),
        asks("snooze", 2, day=20_000, until="date", until_ms=20_005 * DAY_MS),
        asks("resolve", 3, day=20_001, outcome="confirmed", cause="scale", downtime_h=2.5, parts="tubes"),
    )
    shown = detail(case, history, TIMES, 0)
    assert [(e["what"], e["who"], e["about"]) for e in shown["history"]] == [
        ("opened", "the machine", None),
        ("acknowledged", "ann", "on my way"),
        ("snoozed", "ann", "until 2024-10-09 09:00 JST"),
        ("resolved", "ann", "confirmed, fouling"),
    ]
    said = "confirmed, fouling, scale, 2.5 h down, tubes (ann, 2024-10-05 09:00 JST)"
    assert (shown["outcome"], shown["quiet"]) == (said, None)
    assert "clean the tubes" in as_text(shown)


def test_an_export_is_csv_that_no_spreadsheet_takes_for_a_formula() -> None:
    case, _ = lived(
        signal("open", 20_000),
        asks("resolve", 1, day=20_001, outcome="confirmed", text='=HYPERLINK("x"), said\nbob'),
    )
    (line,) = csv.DictReader(io.StringIO(as_csv([case], TIMES, 0)))
    assert (line["machine"], line["opened"], line["outcome"]) == (
        "a",
        "2024-10-04T09:00:00+09:00",
        "confirmed",
    )
    assert line["text"] == '\'=HYPERLINK("x"), said\nbob'
    assert as_csv([], TIMES, 0).startswith("case,machine,state,")
