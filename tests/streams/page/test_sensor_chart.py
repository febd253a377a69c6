from __future__ import annotations

from datetime import UTC

import pytest

from models.event_time import DAY_MS
from models.fleet.points import MachinePoint
from streams.page.marks import Marks
from streams.page.sensor_chart import SensorSeries
from streams.stores.reading_points import Reading

POINT = MachinePoint(key="t", label="the <b>bearing</b>", unit="degC", low=0.0, high=100.0, resolution=0.1)


def series(*values: float | None, usual: float | None = 60.0, spread: float | None = 1.0) -> SensorSeries:
    """Return a series of one reading a day; None is a day without one."""
    days = [
        (day * DAY_MS, Reading(value, usual, spread))
        for day, value in enumerate(values, 1)
        if value is not None
    ]
    return SensorSeries(POINT, days, "the last day")


def test_a_sensor_is_drawn_in_its_band_with_days_that_depart_and_told_in_words() -> None:
    drawn = series(60.0, 61.9, 62.1, 63.0).draw(0, 5 * DAY_MS)
    assert (drawn.count("<polyline"), drawn.count("<polygon"), drawn.count("<circle")) == (2, 1, 2)
    assert "<b>" not in drawn
    assert "60.0 °C on 1970-01-01, 63.0 °C on 1970-01-04; usually 60.0 °C; departs since 1970-01-03" in drawn


def test_what_happened_is_marked_on_the_same_axis() -> None:
    marks = Marks(
        shutdowns=[(2 * DAY_MS, "tripped <")],
        repairs=[(3 * DAY_MS, "cleaned")],
        models=[(DAY_MS, "model 4")],
        cases=[(DAY_MS, 2 * DAY_MS, "case a-1")],
        steps=[(DAY_MS, "○", "case opened")],
        stops=[(2 * DAY_MS, 3 * DAY_MS, "planned stop")],
        drift=[(DAY_MS, "the level of its risk moved")],
    )
    drawn = series(60.0, 60.0).draw(0, 4 * DAY_MS, UTC, marks)
    for name in ("trip", "repair", "mark-model", "mark-case", "step", "mark-stop", "stop-label", "drift"):
        assert f'class="{name}"' in drawn
    assert "tripped &lt;" in drawn


@pytest.mark.parametrize(
    ("values", "since"),
    [
        ((60.0, 61.0), ""),
        ((63.0, 60.0, 60.0), ""),
        ((60.0, 63.0, 64.0), "1970-01-02"),
        ((60.0, 63.0, 60.0, 64.0), "1970-01-02"),  # one day back is no end of it
        ((63.0, 60.0, 60.0, 64.0), "1970-01-04"),
        ((57.0, None, None, 57.0), "1970-01-01"),
    ],
)
def test_it_departs_since_the_first_of_the_last_days_that_do(
    values: tuple[float | None, ...], since: str
) -> None:
    assert series(*values).since(UTC) == since


def test_what_nobody_compares_departs_never_and_has_no_band() -> None:
    for told in (series(60.0, 99.0, usual=None, spread=None), series(60.0, 99.0, spread=None)):
        assert told.since(UTC) == ""
        assert "circle" not in told.draw(0, 3 * DAY_MS)
    assert "usually not known" in series(60.0, 61.0, usual=None).draw(0, 3 * DAY_MS)


def test_a_gap_of_days_is_not_bridged_and_a_day_alone_is_a_point() -> None:
    drawn = series(60.0, 60.5, None, None, 61.0, None, None, None, 60.0, 60.0).draw(0, 11 * DAY_MS)
    assert drawn.count('class="risk" points') == 2
    assert drawn.count('<circle class="risk"') == 1


def test_one_reading_is_not_drawn_and_one_that_never_moves_is() -> None:
    assert series(60.0).draw(0, DAY_MS) == series(60.0).spark() == ""
    assert "<polyline" in series(0.0, 0.0, 0.0, usual=None).draw(0, 3 * DAY_MS)


def test_a_small_picture_says_the_same_words() -> None:
    told = series(60.0, 63.0)
    assert (
        f'aria-label="{told.summary()}"'.replace("<b>", "&lt;b&gt;").replace("</b>", "&lt;/b&gt;")
        in told.spark()
    )
    assert 'class="last"' in told.spark()


def test_what_nobody_could_tell_from_the_usual_reading_does_not_depart() -> None:
    assert series(60.0, 60.04, spread=0.01).departed_ms is None
    assert series(60.0, 60.2, spread=0.01).departed_ms is not None
