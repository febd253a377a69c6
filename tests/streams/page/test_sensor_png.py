from __future__ import annotations

import io

import numpy as np
from matplotlib.image import imread

from models.event_time import DAY_MS
from models.fleet.points import MachinePoint
from models.telemetry.samples import Float32
from streams.page.sensor_chart import SensorSeries
from streams.page.sensor_png import draw_png
from streams.stores.reading_points import Reading

POINT = MachinePoint(key="t", label="oil", unit="degC", low=0.0, high=100.0, resolution=0.1)
BAND, AWAY = (0xD3, 0xD9, 0xE0), (0xA6, 0x5B, 0x00)


def pixels(*values: float, usual: float | None = 60.0) -> Float32:
    """Return the picture (rows, columns, 3) of one reading a day."""
    days = [(day * DAY_MS, Reading(value, usual, 1.0)) for day, value in enumerate(values, 1)]
    found = imread(io.BytesIO(draw_png(SensorSeries(POINT, days, "the last day"))))
    return np.asarray(found[:, :, :3], np.float32)


def has(picture: Float32, colour: tuple[int, int, int]) -> bool:
    return bool((np.abs(picture * 255 - np.array(colour)).max(axis=2) < 2).any())


def test_a_sensor_is_drawn_in_its_band_and_a_day_that_departs_as_a_point() -> None:
    sound, departing = pixels(60.0, 60.5, 60.0), pixels(60.0, 60.5, 66.0)
    assert sound.shape == (90, 360, 3)
    assert (has(sound, BAND), has(sound, AWAY)) == (True, False)
    assert (has(departing, BAND), has(departing, AWAY)) == (True, True)


def test_without_anything_usual_there_is_a_line_alone() -> None:
    drawn = pixels(60.0, 66.0, usual=None)
    assert (has(drawn, BAND), has(drawn, AWAY), bool((drawn < 0.9).any())) == (False, False, True)


def test_one_reading_is_no_picture() -> None:
    assert draw_png(SensorSeries(POINT, [(DAY_MS, Reading(60.0, 60.0, 1.0))], "the last day")) == b""
