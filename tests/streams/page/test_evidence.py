from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from models.event_time import DAY_MS
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.page.evidence import evidence_series
from streams.stores.case_reader import cases_of
from tests.support.case_store import DAY, LedCases, case_of
from tests.support.page import FLEET, reading_of

BEFORE, AFTER = -40, 3  # days: the evidence is of the first of January, when readings are counted from


@pytest.fixture
def read(led: LedCases) -> LedCases:
    """Return cases of machines whose bearing gets warmer from the fifth of the last days on."""
    values = {day: 60.0 + max(0, day + 4) for day in range(BEFORE, AFTER)}
    led.store.add(reading_of("CH-0001", day, bearing_temp=v, cw_flow=5.0) for day, v in values.items())
    led.store.flush()
    return led


@pytest.mark.parametrize("path", ["cases", "sheet"])
def test_a_case_and_its_sheet_show_each_sensor_over_the_weeks_before_it_in_words_too(
    read: LedCases, path: str
) -> None:
    app = create_app(read.store, FLEET, clock=lambda: DAY * DAY_MS, work=CaseWork(read.ask))
    text = TestClient(app, "http://localhost").get(f"/{path}/{case_of('CH-0001')}").text
    assert text.count('class="chart spark"') == 1
    words = "thrust bearing temperature: 60.0 °C on 2025-12-03, 64.0 °C on 2025-12-31; usually 60.0 °C; "
    assert f'aria-label="{words}departs since 2025-12-29"' in text
    assert 'departs since <span class="date">2025-12-29</span>' in text


def test_a_case_shows_what_was_known_when_it_was_last_said_and_no_other_sensor(read: LedCases) -> None:
    (case,) = cases_of(read.store, "CH-0001")
    (series,) = evidence_series(read.store, FLEET, case).values()
    assert (series.point.key, len(series.days)) == ("bearing_temp", 29)
    assert series.days[-1][0] == case.evidence.time_ms


def test_a_case_of_a_store_without_readings_says_so(led: LedCases) -> None:
    app = create_app(led.store, FLEET, clock=lambda: DAY * DAY_MS, work=CaseWork(led.ask))
    text = TestClient(app, "http://localhost").get(f"/cases/{case_of('CH-0001')}").text
    assert "spark" not in text
    assert "no readings" in text
