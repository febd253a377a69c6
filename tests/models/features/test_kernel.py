from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features.kernel import Kernel, KernelCounts
from models.features.memory import KernelState
from models.features.panes import BLOCK
from models.features.schema import STATS, FeatureSchema, write_features
from models.fleet.fleet import Fleet
from models.telemetry.samples import Samples
from tests.support.collected import Final, collect
from tests.support.toy_fleet import HOP, MINUTE, fleet_of, samples_of
from tests.support.watched_fleet import watched


def run(kernel: Kernel, parts: list[Samples], until_ms: int) -> tuple[Final, KernelState, KernelCounts]:
    state, final, total = kernel.start(), dict[tuple[str, int], bytes](), KernelCounts(kernel.sensors)
    for part in parts:
        windows, tally = kernel.step(state, part)
        total.add(tally)
        collect(final, windows)
    windows, tally = kernel.close(state, until_ms)
    total.add(tally)
    collect(final, windows)
    return final, state, total


def direct(schema: FeatureSchema, minutes: np.ndarray, values: np.ndarray, end_ms: int) -> np.ndarray:
    """Compute one asset's features from its samples by the textbook definitions."""
    fleet, out, means = schema.fleet, [], []
    first_pane = int(minutes.min()) * MINUTE // HOP
    for window_s in fleet.sampling.windows_s:
        inside = (minutes * MINUTE >= end_ms - window_s * 1000) & (minutes * MINUTE < end_ms)
        x, t = values[inside].astype(float), (minutes[inside] + 0.5) / 1440
        panes = min(window_s * 1000 // HOP, end_ms // HOP - first_pane)
        slope = _slope(t, x) if window_s == HOP // 1000 else _slope(*_pane_means(minutes[inside], x))
        missing = 1 - len(x) / (panes * HOP / MINUTE)
        out += [x.mean(), x.std(), x.min(), x.max(), slope, missing]
        means.append(x.mean())
    return np.array(out + [m - means[-1] for m in means[:-1]])


def _slope(t: np.ndarray, x: np.ndarray, weights: np.ndarray | None = None) -> float:
    root = None if weights is None else np.sqrt(weights)
    return float(np.polyfit(t, x, 1, w=root)[0]) if len(x) > 1 else float("nan")


def _pane_means(minutes: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times (in days, at the middle), means and sizes of the panes that hold samples."""
    pane = minutes * MINUTE // HOP
    there = np.unique(pane)
    means = np.array([x[pane == p].mean() for p in there])
    return (there + 0.5) * HOP / 86_400_000, means, np.array([(pane == p).sum() for p in there])


@given(st.sets(st.integers(0, 80), min_size=1), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_windows_equal_the_textbook_statistics_of_their_samples(present: set[int], seed: int) -> None:
    kernel = Kernel(fleet_of(sensors=1))
    minutes = np.array(sorted(present))
    values = np.random.default_rng(seed).normal(20, 5, len(minutes)).astype(np.float32)
    rows = [(0, int(m), float(v)) for m, v in zip(minutes, values, strict=True)]
    final, _, _ = run(kernel, [samples_of(rows, 1)], 10**9)
    assert {end for _, end in final} == {int(m * MINUTE // HOP + 1) * HOP for m in minutes}
    for (_, end_ms), found in final.items():
        seen = minutes * MINUTE < end_ms
        expected = direct(kernel.schema, minutes[seen], values[seen], end_ms)
        np.testing.assert_allclose(np.frombuffer(found, np.float32), expected, rtol=2e-4, atol=2e-3)


@st.composite
def telemetry(draw: st.DrawFn) -> list[tuple[int, int, float]]:
    keys = draw(st.sets(st.tuples(st.integers(0, 2), st.integers(0, 120)), min_size=1, max_size=120))
    return [
        (a, m, ((a * 7919 + m * 104729) % 1000) / 10) for a, m in sorted(keys, key=lambda k: (k[1], k[0]))
    ]


@given(telemetry(), st.data())
@settings(max_examples=100, deadline=None)
def test_stream_and_batch_are_bit_equal_over_shuffled_duplicated_late_and_gappy_input(
    rows: list[tuple[int, int, float]], data: st.DataObject
) -> None:
    kernel = Kernel(fleet_of(lateness_s=1200))
    # A sample may come up to 20 minutes late: sort by time plus a delay, then repeat some of them.
    delays = data.draw(st.lists(st.integers(0, 19), min_size=len(rows), max_size=len(rows)))
    arrivals = [r[1] + d for r, d in zip(rows, delays, strict=True)]
    shuffled = [r for _, r in sorted(zip(arrivals, rows, strict=True))]
    again = data.draw(st.lists(st.sampled_from(rows), max_size=10))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=20)))
    edges = [0, *cuts, len(rows)]
    parts = [samples_of(shuffled[i:j]) for i, j in itertools.pairwise(edges) if j > i]
    batch, _, _ = run(kernel, [samples_of(rows)], 10**9)
    stream, _, tally = run(kernel, [*parts, samples_of([r for r in again if r[1] >= 105])], 10**9)
    assert tally.too_late == 0
    assert stream == batch


def test_a_window_closes_when_a_newer_sample_of_its_asset_arrives() -> None:
    kernel = Kernel(fleet_of())
    state = kernel.start()
    windows, _ = kernel.step(state, samples_of([(0, 0, 1.0), (0, 3, 2.0)]))
    assert len(windows) == 0
    windows, _ = kernel.step(state, samples_of([(0, 4, 3.0)]))
    assert windows.end_ms.tolist() == [HOP]
    assert windows.assets == ("a",)


def test_a_late_sample_corrects_its_window_with_a_higher_revision() -> None:
    kernel = Kernel(fleet_of(lateness_s=600))
    state = kernel.start()
    kernel.step(state, samples_of([(0, 0, 1.0), (0, 5, 5.0)]))
    windows, tally = kernel.step(state, samples_of([(0, 2, 3.0)]))
    assert (windows.end_ms.tolist(), windows.revision.tolist()) == ([HOP], [1])
    assert windows.values[0, kernel.schema.index("s0", "4m", "mean")] == pytest.approx(2.0)
    assert tally.late == 1


def test_a_sample_later_than_the_lateness_is_counted_and_changes_nothing() -> None:
    kernel = Kernel(fleet_of(lateness_s=0))
    state = kernel.start()
    kernel.step(state, samples_of([(0, 0, 1.0), (0, 9, 5.0)]))
    windows, tally = kernel.step(state, samples_of([(0, 2, 3.0)]))
    assert (len(windows), tally.too_late) == (0, 1)


def test_duplicates_are_ignored_and_counted() -> None:
    kernel = Kernel(fleet_of())
    final, _, tally = run(kernel, [samples_of([(0, 0, 1.0), (0, 0, 1.0)]), samples_of([(0, 0, 1.0)])], HOP)
    assert tally.duplicates == 2
    assert final == run(kernel, [samples_of([(0, 0, 1.0)])], HOP)[0]


def test_the_watermark_closes_the_panes_of_silent_assets() -> None:
    kernel = Kernel(fleet_of())
    state = kernel.start()
    kernel.step(state, samples_of([(0, 1, 1.0), (1, 2, 1.0)]))
    assert len(kernel.close(state, HOP - 1)[0]) == 0
    windows, _ = kernel.close(state, HOP)
    assert sorted(windows.assets) == ["a", "b"]


def test_an_asset_that_does_not_report_in_a_pane_gets_no_window_for_it() -> None:
    final, _, _ = run(Kernel(fleet_of()), [samples_of([(0, 0, 1.0), (0, 21, 1.0)])], 10**9)
    assert sorted(end for _, end in final) == [HOP, 6 * HOP]


def test_one_asset_with_a_clock_a_day_ahead_disturbs_no_other() -> None:
    kernel = Kernel(fleet_of(sensors=1))
    good = [(0, m, float(m)) for m in range(40)]
    alone, _, _ = run(kernel, [samples_of([r], 1) for r in good], 40 * MINUTE)
    both = [samples_of([r, (1, r[1] + 1440, 9.0)], 1) for r in good]
    beside, _, _ = run(kernel, both, 40 * MINUTE)
    assert {k: v for k, v in beside.items() if k[0] == "a"} == alone


def test_an_implausible_value_is_missing_and_counted_for_its_sensor() -> None:
    kernel = Kernel(fleet_of())
    samples = samples_of([(0, 0, 1.0), (0, 1, 1.0)])
    samples.values[1] = (np.inf, 2000.0)
    final, _, tally = run(kernel, [samples], HOP)
    assert tally.implausible.tolist() == [1, 1]
    assert tally.missing.tolist() == [3, 3]
    vector = np.frombuffer(final[("a", HOP)], np.float32)
    assert vector[kernel.schema.index("s1", "4m", "max")] == 2.0
    assert vector[kernel.schema.index("s1", "4m", "missing")] == pytest.approx(0.75)


def test_a_sensor_that_disappears_is_missing_not_zero() -> None:
    kernel = Kernel(fleet_of())
    samples = samples_of([(0, 0, 5.0)])
    samples.values[0, 1] = np.nan
    final, _, _ = run(kernel, [samples], HOP)
    vector = np.frombuffer(final[("a", HOP)], np.float32)
    start = kernel.schema.index("s1", "4m", "mean")
    assert np.isnan(vector[start : start + len(STATS) - 1]).all()
    assert vector[start + len(STATS) - 1] == 1.0


def test_after_an_outage_longer_than_every_window_nothing_old_remains() -> None:
    kernel = Kernel(fleet_of())
    early, late = samples_of([(0, m, 900.0) for m in range(30)]), samples_of([(0, 4000, 1.0)])
    final, _, _ = run(kernel, [early, late], 10**9)
    vector = np.frombuffer(final[("a", 1001 * HOP)], np.float32)
    assert vector[kernel.schema.index("s0", "32m", "max")] == 1.0


def test_a_sample_of_another_width_is_refused() -> None:
    kernel = Kernel(fleet_of(sensors=3))
    with pytest.raises(ValueError, match="2 values a sample, expected 3"):
        kernel.step(kernel.start(), samples_of([(0, 0, 1.0)]))


@pytest.mark.parametrize("fleet", [fleet_of(), watched()], ids=["plain", "watched"])
def test_every_number_of_a_vector_has_its_name(fleet: Fleet) -> None:
    schema, sampling = FeatureSchema(fleet), fleet.sampling
    windows = len(sampling.windows_s + sampling.long_windows_s + sampling.running_windows_s)
    moments = np.zeros((windows, BLOCK, schema.channels))
    vector = np.zeros(len(schema.names) + 1, np.float32)
    write_features(moments, np.ones(windows), 24.0, schema.program, vector[:-1])
    assert len(schema) == len(schema.names) == len(set(schema.names)) == len(schema.point_index)
    assert np.isnan(vector[:-1])[[not name.endswith(("missing", "share")) for name in schema.names]].all()
    assert vector[-1] == 0.0
