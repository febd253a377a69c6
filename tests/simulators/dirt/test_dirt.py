"""Each kind of dirt changes what it says and nothing else, wherever it falls the same way each time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import ConfigError
from models.event_time import DAY_MS
from models.telemetry.samples import Float32, Int64, TimeSlice
from simulators.dirt.dirt import Dirt, corrupt, load_dirt
from tests.support.tidy_telemetry import ALL, DAYS, FLEET, NAMES, PERIODS, SHARES, S, clean
from tests.support.toy_fleet import MINUTE

SWITCHES = [{key: getattr(ALL, key)} for key in asdict(ALL) if not key.endswith("age_s")]
SWITCHES = [s for s in SWITCHES if "burst_s" not in s]


class Rows:
    """The rows of a stream in the order of delivery; ``true`` is the minute that the values tell."""

    def __init__(self, slices: Iterator[TimeSlice]) -> None:
        parts = list(slices)
        self.asset = np.concatenate([p.samples.asset for p in parts])
        self.time_ms = np.concatenate([p.samples.time_ms for p in parts])
        self.values = np.concatenate([p.samples.values for p in parts])
        self.arrival_ms = np.concatenate([_arrivals(p) for p in parts])
        self.events = [p.events for p in parts]

    @property
    def tidy(self) -> Float32:
        """The values by asset and time."""
        return self.values[np.lexsort((self.time_ms, self.asset))]

    def ordered(self, by: Int64) -> bytes:
        order = np.lexsort((by, self.asset))
        return self.asset[order].tobytes() + self.time_ms[order].tobytes() + self.values[order].tobytes()


def _arrivals(part: TimeSlice) -> Int64:
    if part.arrival_ms is None:
        return part.samples.time_ms
    assert (np.diff(part.arrival_ms) >= 0).all()
    assert ((part.arrival_ms >= part.start_ms) & (part.arrival_ms < part.end_ms)).all()
    return part.arrival_ms


def corrupted(seed: int = 1, span_ms: int = DAY_MS, assets: int = len(NAMES), **dirt: Any) -> Rows:
    return Rows(corrupt(clean(span_ms, assets), Dirt(**dirt), FLEET, seed))


CLEAN = Rows(clean())


def test_with_every_kind_off_the_very_slices_come_through() -> None:
    source = list(clean())
    assert all(a is b for a, b in zip(source, corrupt(source, Dirt(), FLEET, 1), strict=True))


@pytest.mark.parametrize("dirt", [*SWITCHES, asdict(ALL)], ids=lambda d: "+".join(d)[:16])
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(dirt: dict[str, Any]) -> None:
    def content(seed: int) -> tuple[bytes, bytes]:
        found = corrupted(seed, **dirt)
        return found.ordered(found.arrival_ms), found.arrival_ms.tobytes()

    assert content(3) == content(3)
    assert content(3) != content(4)


@settings(max_examples=12, deadline=None)
@given(st.sets(st.sampled_from(list(SHARES)), min_size=1), st.sampled_from([1, 4, 24]), st.integers(0, 99))
def test_cut_otherwise_the_stream_has_the_same_dirt_in_the_same_order_per_asset(
    kinds: set[str], hours: int, seed: int
) -> None:
    dirt = {kind: SHARES[kind] for kind in kinds} | {"out_of_order": 0.02, "skew_s": 30.0}
    whole, cut = corrupted(seed, **dirt), corrupted(seed, hours * 3_600_000, **dirt)
    assert whole.ordered(whole.arrival_ms) == cut.ordered(cut.arrival_ms)


def test_an_asset_has_the_same_dirt_in_a_smaller_fleet() -> None:
    dirt = asdict(ALL)
    large, small = corrupted(**dirt), corrupted(assets=2, **dirt)
    mine = large.asset < 2
    np.testing.assert_array_equal(large.values[mine], small.values)
    np.testing.assert_array_equal(large.time_ms[mine], small.time_ms)


def test_a_missing_sample_is_gone_and_the_others_are_as_they_were() -> None:
    found = corrupted(missing_samples=0.1)
    whole = {row.tobytes() for row in CLEAN.values}
    assert {row.tobytes() for row in found.values} < whole
    assert 1 - len(found.asset) / len(CLEAN.asset) == pytest.approx(0.1, rel=0.4)
    gaps = np.diff(found.time_ms[found.asset == 0]) // MINUTE
    assert (gaps[gaps > 1] > 10).any()  # in bursts


def test_a_missing_value_is_nan_and_the_others_are_as_they_were() -> None:
    found = corrupted(missing_values=0.05)
    assert found.ordered(found.time_ms) != CLEAN.ordered(CLEAN.time_ms)
    values = found.tidy
    lost = np.isnan(values)
    assert lost.mean() == pytest.approx(0.05, rel=0.4)
    np.testing.assert_array_equal(values[~lost], CLEAN.tidy[~lost])
    assert not lost.all(axis=1).any()


def test_a_zero_for_null_is_0_or_minus_40_always_the_same_of_one_sensor() -> None:
    found = corrupted(zeros=0.05)
    values = found.tidy
    coded = values != CLEAN.tidy
    assert coded.mean() == pytest.approx(0.05, rel=0.4)
    assert set(np.unique(values[coded])) == {0.0, -40.0}
    for s in range(S):
        mine = coded[: DAYS * PERIODS, s]
        assert len(np.unique(values[: DAYS * PERIODS, s][mine])) <= 1


def test_what_a_gateway_kept_comes_late_in_one_go_and_whole() -> None:
    found = corrupted(late=0.05)
    assert found.ordered(found.time_ms) == CLEAN.ordered(CLEAN.time_ms)
    wait = found.arrival_ms - found.time_ms
    assert (wait >= 0).all()
    assert (wait > 0).mean() == pytest.approx(0.05, rel=0.4)
    assert wait.max() <= 4 * 3_600_000
    _, together = np.unique(found.arrival_ms[wait > 0], return_counts=True)
    assert together.max() > 30


def test_a_sample_out_of_order_is_overtaken_by_one_or_two() -> None:
    found = corrupted(out_of_order=0.05)
    assert found.ordered(found.time_ms) == CLEAN.ordered(CLEAN.time_ms)
    wait = found.arrival_ms - found.time_ms
    late = wait[wait > 0]
    assert len(late) / len(wait) == pytest.approx(0.05, rel=0.1)
    assert ((late >= MINUTE) | (found.arrival_ms[wait > 0] == (DAYS + 1) * DAY_MS - 1)).all()
    assert (np.diff(found.time_ms[found.asset == 1]) < 0).any()


def test_a_duplicate_is_the_same_row_once_more() -> None:
    found = corrupted(duplicates=0.05)
    assert len(found.asset) / len(CLEAN.asset) == pytest.approx(1.05, abs=0.005)
    kept = np.unique(np.column_stack([found.asset, found.time_ms]), axis=0, return_index=True)[1]
    np.testing.assert_array_equal(found.values[kept], CLEAN.tidy)


def test_a_skewed_clock_is_off_by_the_same_all_along() -> None:
    found = corrupted(skew_s=30.0)
    off = found.time_ms - found.arrival_ms
    by_asset = [set(off[found.asset == a].tolist()) for a in range(len(NAMES))]
    assert all(len(offsets) == 1 for offsets in by_asset)
    assert len(set.union(*by_asset)) == len(NAMES)
    assert np.abs(off).max() <= 30_000
    np.testing.assert_array_equal(found.tidy, CLEAN.tidy)


def test_a_wrong_clock_is_off_by_a_whole_hour_for_a_while() -> None:
    found = corrupted(hour_errors=20.0)
    off = (found.time_ms - found.arrival_ms) / 3_600_000
    assert set(np.unique(off)) == {-1.0, 0.0, 1.0}
    assert (np.abs(np.diff(off[found.asset == 0])) > 0).sum() <= 4


def test_a_sensor_in_another_unit_is_converted_and_the_others_are_as_they_were() -> None:
    found = corrupted(unit_swaps=20.0)
    values = found.tidy
    factor = np.rint(2.0 * values / CLEAN.tidy) / 2  # two digits of each are enough
    assert {1.0} < set(np.unique(factor)) <= {1.0, 100.0, 14.5, 1e5}
    assert ((factor != 1.0).sum(axis=1) <= 1).all()


def _lost(found: Rows) -> set[tuple[int, int, int]]:
    rows = np.argwhere(np.isnan(found.values))
    return {(int(found.asset[i]), int(found.time_ms[i]), int(s)) for i, s in rows}


def test_switching_one_kind_on_moves_no_other() -> None:
    alone = _lost(corrupted(missing_values=0.05))
    others = _lost(
        corrupted(missing_values=0.05, late=0.05, duplicates=0.02, zeros=0.02, missing_samples=0.05)
    )
    assert others < alone
    assert len(others) > 0.8 * len(alone)


def test_events_stay_as_they_are() -> None:
    assert corrupted(**asdict(ALL)).events == CLEAN.events


def test_a_recorded_stream_is_not_changed_where_it_lies() -> None:
    source = list(clean())
    before = [p.samples.values.copy() for p in source]
    list(corrupt(source, ALL, FLEET, 1))
    assert all((a == p.samples.values).all() for a, p in zip(before, source, strict=True))


def test_the_dirt_of_any_toml_file_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('name = "x"\n[dirt]\nlate = 0.1\n')
    assert load_dirt(path) == Dirt(late=0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[dirt]\nlate = 2\n", r"x\.toml: dirt\.late = 2: expected a number"),
        ("[dirt]\nmud = 2\n", r"x\.toml: dirt\.mud is not known: known are missing_samples"),
        ("late = 2\n", r"x\.toml: dirt is missing: expected a table"),
        ("late = ", r"x\.toml: file = .*: expected TOML"),
    ],
)
def test_a_bad_table_is_refused_by_file_key_and_value(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_dirt(path)
