from __future__ import annotations

import re

from starlette.testclient import TestClient

from models.event_time import DAY_MS
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.stages.sink import delivery_point
from tests.support.case_store import DAY, LedCases, case_of, sent
from tests.support.page import FLEET


def words(led: LedCases, path: str) -> str:
    """Return a page without its marks."""
    app = create_app(led.store, FLEET, clock=lambda: DAY * DAY_MS, work=CaseWork(led.ask))
    return " ".join(re.sub("<[^>]*>", " ", TestClient(app, "http://localhost").get(path).text).split())


def test_a_case_says_who_was_told_when_and_whether_it_was_taken(led: LedCases) -> None:
    case = case_of("CH-0001")
    attempts = [sent(case, 1, "failed"), sent(case, 2, "sent"), sent(case, 3, "failed", channel="mail")]
    led.store.add(map(delivery_point, attempts))
    led.store.flush()
    text = words(led, f"/cases/{case}")
    assert "2026-01-01 00:01 UTC ops by critical opened taken 2026-01-01 00:02 UTC, at attempt 2" in text
    assert (
        "mail by critical opened ◆ not yet : failed 3 times, it is tried again; &lt;no&gt; route to host"
        in text
    )
    assert "Nobody was told of it" in words(led, f"/cases/{case_of('CH-0002')}")


def test_the_pipeline_names_the_channels_that_fail(led: LedCases) -> None:
    case = case_of("CH-0001")
    assert "No notice was sent yet." in words(led, "/pipeline")
    attempts = [sent(case, 1, "sent", channel="ops"), sent(case, 2, "given-up", channel="pager")]
    led.store.add(map(delivery_point, attempts))
    led.store.flush()
    text = words(led, "/pipeline")
    assert "pager ◆ fails took something last never failed last 2026-01-01 00:02" in text
    assert "ops works took something last 2026-01-01 00:01" in text
