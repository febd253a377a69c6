from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.event_time import DAY_MS
from models.learning.spans import span_of
from models.risk.remaining import Span
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event
from models.telemetry.window_keys import WindowKeys
from tests.support.rising_fleet import fleet, plan

THRESHOLD = 0.4


def learnt(waits_d: list[float], *, days: int = 3, opened_d: int = 10) -> Span | None:
    """Learn from machines whose risk is high for some days from ``opened_d`` on, then stops after a wait.

    The plan ends on day 90; a case opens with the first high risk and stands for 20 days.
    """
    toy = replace(fleet(), alerting=replace(fleet().alerting, case_d=20.0, raise_count=1, raise_among=1))
    names = tuple(f"a{i:02d}" for i in range(len(waits_d)))
    asset = np.repeat(np.arange(len(names), dtype=np.int32), days + 1)
    end_ms = np.tile((opened_d - 1 + np.arange(days + 1)) * DAY_MS, len(names))
    high = np.tile(np.arange(days + 1) > 0, len(names))
    risks = np.where(high[:, None], [0.2, 0.5], [0.0, 0.0])
    log = EventLog(
        Event(int((opened_d + wait) * DAY_MS), name, "shutdown")
        for name, wait in sorted(zip(names, waits_d, strict=True), key=lambda pair: pair[1])
    )
    return span_of(plan(toy), risks, WindowKeys(names, asset, end_ms), log, THRESHOLD)


def test_the_span_is_learnt_as_cases_open() -> None:
    early, late = learnt([4.0 + 0.01 * i for i in range(20)]), learnt([15.0 + 0.01 * i for i in range(20)])
    assert early is not None
    assert late is not None
    assert early.outcomes == late.outcomes == 20
    assert early.high < late.low
    assert early.high - early.low < 0.05


def test_with_too_few_cases_all_high_windows_teach_each_outcome_once() -> None:
    span = learnt([4.0 + 0.01 * i for i in range(12)])
    assert span is not None
    assert span.outcomes == 12
    assert span.low < 0.5 < span.high, "it begins with the windows two days before the outcome"


@pytest.mark.parametrize(
    ("waits_d", "opened_d"),
    [([4.0] * 8, 10), ([25.0] * 30, 10), ([4.0] * 30, 71)],
    ids=["too few", "after the case", "not settled by the end of the slice"],
)
def test_where_nobody_can_tell_there_is_none(waits_d: list[float], opened_d: int) -> None:
    assert learnt(waits_d, opened_d=opened_d) is None
