from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.errors import RecordError
from models.event_time import LATEST_MS
from models.fleet.fleet import load_fleet
from models.telemetry.samples import Samples
from streams.wire import blocks

FLEET = load_fleet(Path(__file__).parents[3] / "fleets" / "chiller.toml")
SENSORS = len(FLEET.sensors)
NOON_MS = 1_704_110_400_000
STEP_MS = 900_000


def samples_of(names: tuple[str, ...], asset: list[int]) -> Samples:
    rows = len(asset)
    values = np.arange(rows * SENSORS, dtype=np.float32).reshape(rows, SENSORS)
    time_ms = NOON_MS + STEP_MS * np.arange(rows, dtype=np.int64)
    return Samples(names, np.array(asset, np.int32), time_ms, values)


def block_with(**changes: Any) -> blocks.Block:
    whole = blocks.to_block(samples_of(("CH-0001", "CH-0002"), [0, 1, 0]), FLEET.schema)
    return msgspec.structs.replace(whole, **changes)


@st.composite
def any_frames(draw: st.DrawFn) -> Samples:
    names = tuple(f"CH-{i:04d}" for i in range(draw(st.integers(1, 4))))
    rows = draw(st.integers(1, 5))
    finite = st.floats(width=32, allow_infinity=False)
    values = draw(hnp.arrays(np.float32, (rows, SENSORS), elements=finite, fill=finite))
    values[0, 0] = 1.0
    asset = draw(hnp.arrays(np.int32, rows, elements=st.integers(0, len(names) - 1)))
    time_ms = draw(hnp.arrays(np.int64, rows, elements=st.integers(1, LATEST_MS - 1)))
    return Samples(names, asset, time_ms, values)


@given(any_frames())
def test_what_goes_into_a_block_comes_out_again(samples: Samples) -> None:
    found, problems = blocks.to_samples(blocks.to_block(samples, FLEET.schema), FLEET)
    assert problems == ()
    assert [found.assets[i] for i in found.asset] == [samples.assets[i] for i in samples.asset]
    np.testing.assert_array_equal(found.time_ms, samples.time_ms)
    np.testing.assert_array_equal(found.values, samples.values)


def test_an_asset_that_no_row_is_of_is_left_out() -> None:
    block = blocks.to_block(samples_of(("CH-0001", "CH-0002", "CH-0003"), [2, 0, 2]), FLEET.schema)
    found, _ = blocks.to_samples(block, FLEET)
    assert (found.assets, found.asset.tolist()) == (("CH-0001", "CH-0003"), [1, 0, 1])


def test_a_block_of_one_asset_needs_no_indices() -> None:
    block = blocks.to_block(samples_of(("CH-0001",), [0, 0]), FLEET.schema)
    assert block.asset is None
    assert blocks.to_samples(block, FLEET)[0].asset.tolist() == [0, 0]


def test_regular_times_may_be_a_start_and_a_step() -> None:
    block = block_with(time_ms=None, start_ms=NOON_MS, step_ms=STEP_MS)
    expected = [NOON_MS, NOON_MS + STEP_MS, NOON_MS + 2 * STEP_MS]
    assert blocks.to_samples(block, FLEET)[0].time_ms.tolist() == expected


def test_infinite_values_are_missing_and_counted() -> None:
    samples = samples_of(("CH-0001",), [0])
    samples.values[0, 1:3] = np.inf, -np.inf
    found, problems = blocks.to_samples(blocks.to_block(samples, FLEET.schema), FLEET)
    assert problems == ("values: 2 infinite, taken as missing",)
    assert np.isnan(found.values[0, 1:3]).all()
    assert found.values[0, 3] == 3.0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema": "0" * 16}, f"schema '0000000000000000': fleet chiller has '{FLEET.schema}'"),
        ({"assets": []}, "assets: expected at least one name"),
        ({"assets": ["CH-0001", "pump 7"]}, "asset 'pump 7': expected a name like"),
        ({"assets": ["CH-0001", "CH-0001"]}, "expected distinct names"),
        ({"assets": ["CH-0001"]}, "asset 0 to 1: expected indices below 1"),
        ({"rows": 0}, "rows 0: expected 1 to"),
        ({"rows": -3}, "rows -3: expected 1 to"),
        ({"rows": 2**63}, "rows 9223372036854775808: expected 1 to"),
        ({"rows": 4}, f"values: {12 * SENSORS} bytes, expected {16 * SENSORS}"),
        ({"asset": None}, "asset is left out"),
        ({"asset": bytes(11)}, "asset: 11 bytes, expected 12"),
        ({"time_ms": bytes(16)}, "time_ms: 16 bytes, expected 24"),
        ({"time_ms": bytes(24)}, "time_ms 0: expected milliseconds between 1970 and 2200"),
        ({"time_ms": None}, "time_ms is left out: expected it, or start_ms and step_ms"),
        ({"time_ms": None, "start_ms": NOON_MS, "step_ms": LATEST_MS - 1}, "between 1970 and 2200"),
        ({"time_ms": None, "start_ms": NOON_MS, "step_ms": 2**63}, "step_ms 9223372036854775808: expected"),
        ({"time_ms": None, "start_ms": -1, "step_ms": 1}, "start_ms -1: expected"),
        (
            {"values": np.full(3 * SENSORS, np.nan, "<f4").tobytes()},
            f"none of {3 * SENSORS} values is finite",
        ),
    ],
)
def test_a_block_that_does_not_agree_with_itself_or_the_fleet_is_refused(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RecordError, match=reason):
        blocks.to_samples(block_with(**changes), FLEET)
