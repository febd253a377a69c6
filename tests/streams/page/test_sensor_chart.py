from __future__ import annotations

from streams.page.sensor_chart import sensor_series

DAY_MS = 86_400_000


def reason(key: str, value: float | None, usual: float | None = None) -> dict[str, object]:
    return {
        "key": key,
        "label": f"the {key}",
        "unit": "degC",
        "value": value,
        "baseline": usual,
        "said": "9 °C",
        "usual": "",
    }


def test_sensors_named_last_and_most_often_come_first_with_their_readings() -> None:
    told = [(DAY_MS, [reason("a", 1.0, 0.5), reason("b", 2.0)]), (2 * DAY_MS, [reason("a", 3.0, 0.6)])]
    first, second = sensor_series(told, {"a": "K"})
    assert (first.key, first.unit, first.points) == ("a", "K", [(DAY_MS, 1.0, 0.5), (2 * DAY_MS, 3.0, 0.6)])
    assert (second.key, second.unit, second.points) == ("b", "degC", [(DAY_MS, 2.0, None)])


def test_a_sensor_is_drawn_against_what_is_usual_and_told_in_words() -> None:
    told = [(i * DAY_MS, [reason("<b>", 60.0 + i, 55.0)]) for i in range(1, 5)]
    (series,) = sensor_series(told, {})
    drawn = series.draw(0, 5 * DAY_MS)
    assert drawn.count("<polyline") == 2
    assert drawn.count("<polygon") == 1
    assert "<b>" not in drawn
    assert "on 4 days: 9 °C at last, usually not known" in drawn


def test_one_reading_and_readings_without_a_value_are_not_drawn() -> None:
    (series,) = sensor_series([(1, [reason("a", 1.0), reason("c", None)])], {})
    assert series.draw(0, DAY_MS) == ""


def test_a_sensor_that_never_moves_is_drawn() -> None:
    (series,) = sensor_series([(i, [reason("a", 0.0)]) for i in range(3)], {})
    assert "<polyline" in series.draw(0, 3)
