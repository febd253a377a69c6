"""Counters, states, events, and points that hold: what they come to, however their readings arrive."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import ConfigError
from models.features.kernel import Kernel, KernelCounts
from models.features.quality import QualityMonitor
from models.features.snapshot import Head, Kept, Loader, Panes, head_of, kept_of, panes_of
from models.fleet.fleet import Fleet, parse_fleet
from models.telemetry.samples import Samples
from tests.support.collected import Final, collect

MINUTE, HOP = 60_000, 600_000
NOTHING = float("nan")
SENSORS: dict[str, dict[str, Any]] = {
    "temp": {},
    "kwh": {"kind": "counter", "high": 1e12, "wrap_at": 1e9},
    "mode": {"kind": "state", "states": {"off": 0, "Fault 2": 2}, "hold_s": 900},
    "alarm": {"kind": "event"},
    "flow": {"hold_s": 1500},
}
Row = tuple[int, dict[str, float]]


def fleet(**changed: dict[str, Any]) -> Fleet:
    told = {key: {**keys, **changed.get(key, {})} for key, keys in SENSORS.items()}
    return parse_fleet(
        {
            "name": "kinds",
            "asset": "pump",
            "asset_pattern": "a",
            "outcome": "stop",
            "horizons_d": [1.0],
            "sampling": {
                "period_s": 60,
                "hop_s": 600,
                "windows_s": [600, 1800],
                "lateness_s": 1200,
            },
            "alerting": {"horizon_d": 1.0},
            "sensors": [
                {"key": key, "label": key, "unit": "1", "low": -10.0, "high": 1000.0, **keys}
                for key, keys in told.items()
            ],
        },
        "kinds.toml",
    )


KERNEL = Kernel(fleet())


def samples(rows: list[Row], kernel: Kernel = KERNEL) -> Samples:
    """Rows of minutes of one machine."""
    values = [[row.get(key, NOTHING) for key in SENSORS] for _, row in rows]
    time_ms = np.array([int(minute * MINUTE) for minute, _ in rows], np.int64)
    width = len(kernel.schema.fleet.sensors)
    return Samples(
        ("a",), np.zeros(len(rows), np.int32), time_ms, np.array(values, np.float64).reshape(-1, width)
    )


def run(parts: list[list[Row]], kernel: Kernel = KERNEL, until_min: int = 1000) -> Final:
    state, final = kernel.start(), Final()
    for part in parts:
        if part:
            collect(final, kernel.step(state, samples(part, kernel))[0])
    collect(final, kernel.close(state, until_min * MINUTE)[0])
    return final


def feature(final: Final, name: str, kernel: Kernel = KERNEL) -> list[float]:
    at = kernel.schema.names.index(name)
    return [float(np.frombuffer(final[key], np.float32)[at]) for key in sorted(final)]


def counted(*totals: float, **keys: Any) -> list[float]:
    """The increase a day that a counter shows, read once in each pane."""
    kernel = Kernel(fleet(kwh=keys))
    rows: list[Row] = [(10 * i, {"kwh": total, "temp": 1.0}) for i, total in enumerate(totals)]
    return feature(run([rows], kernel), "kwh.10m.mean", kernel)


def test_a_total_above_sixteen_million_keeps_its_increments() -> None:
    rows: list[Row] = [(m, {"kwh": 18_228_934 + 0.05 * m}) for m in range(60)]
    final = run([rows])
    assert feature(final, "kwh.10m.mean") == pytest.approx([72.0] * 6, rel=1e-6)
    assert feature(final, "kwh.30m.mean") == pytest.approx([72.0] * 6, rel=1e-6)
    assert max(feature(final, "kwh.30m.sd")) < 0.001


def test_an_increase_is_told_a_day_however_far_readings_are_apart() -> None:
    rows: list[Row] = [(0, {"kwh": 100.0}), (7, {"kwh": 107.0}), (25, {"kwh": 125.0})]
    first, _, third = feature(run([[*rows, (15, {"temp": 1.0})]]), "kwh.10m.mean")
    assert (first, third) == (1440.0, 1440.0)


def test_a_wrap_is_an_increase_and_a_counter_that_was_set_counts_nothing_then() -> None:
    day = 144.0
    assert counted(65_530, 4, 10, wrap_at=65_536)[1:] == [10 * day, 6 * day]
    reset, after = counted(500.0, 3.0, 10.0, wrap_at=1e9)[1:]
    assert np.isnan(reset)
    assert after == 7 * day
    fall, after = counted(500.0, 499.0, 500.0)[1:]
    assert np.isnan(fall)
    assert after == day


def test_a_counter_that_rises_faster_than_it_can_was_set_anew() -> None:
    assert np.isnan(counted(500.0, 100_000.0, max_per_minute=10.0)[1])
    assert counted(500.0, 590.0, max_per_minute=10.0)[1] == 90 * 144


def test_a_state_is_told_as_its_share_of_time_and_its_changes() -> None:
    codes = [0, 0, 0, 2, 2, 0, 0, 0, 2, 2]
    final = run([[(m, {"mode": float(code)}) for m, code in enumerate(codes)]])
    assert feature(final, "mode_off.10m.mean") == pytest.approx([0.6])
    assert feature(final, "mode_fault_2.10m.mean") == pytest.approx([0.4])
    assert feature(final, "mode_changes.10m.mean") == pytest.approx([3 * 144.0])


def test_an_event_is_counted_and_none_comes_of_a_machine_that_says_something_else() -> None:
    rows: list[Row] = [(m, {"temp": 20.0}) for m in range(20)]
    rows[3][1]["alarm"] = 1.0
    rows[7][1]["alarm"] = 2.0
    final = run([rows])
    assert feature(final, "alarm.10m.mean") == pytest.approx([3 * 144.0, 0.0])
    assert feature(final, "alarm.10m.missing") == [0.0, 0.0]


def test_a_point_that_is_sent_when_it_changes_holds_its_value_for_so_long_and_no_longer() -> None:
    rows: list[Row] = [(m, {"temp": 20.0}) for m in range(60)]
    rows[5][1]["flow"] = 3.0
    final = run([rows])
    missing = feature(final, "flow.10m.missing")
    assert missing == pytest.approx([0.5, 0.0, 0.0, 0.9, 1.0, 1.0], abs=1e-6)
    assert feature(final, "flow.10m.mean")[:4] == [3.0] * 4


def test_a_value_holds_over_panes_in_which_nothing_came() -> None:
    final = run([[(5, {"flow": 3.0}), (29, {"temp": 20.0})]])
    assert feature(final, "flow.30m.missing")[1] == pytest.approx(5 / 30)


def test_what_holds_is_neither_missing_nor_stuck() -> None:
    kernel = KERNEL
    state, monitor, kinds = kernel.start(), QualityMonitor(kernel.schema.fleet, kernel.plan), list[str]()
    for minute in range(30):
        row = {"temp": 20.0 + minute, **({"flow": 3.0, "mode": 2.0} if minute == 1 else {})}
        windows, _ = kernel.step(state, samples([(minute, row)]))
        kinds += [f"{s.kind} {s.sensor}" for s in monitor.closed(state, windows)] if len(windows) else []
    assert "missing 4" not in kinds
    assert not any(kind.startswith("stuck") for kind in kinds)


@st.composite
def readings(draw: st.DrawFn) -> list[Row]:
    """Rows of a machine, a few points each, at different minutes; counters may fall, and wrap."""
    minutes = draw(st.lists(st.integers(0, 119), min_size=1, max_size=40, unique=True))
    rows = []
    for minute in sorted(minutes):
        said = draw(st.sets(st.sampled_from(list(SENSORS)), min_size=1))
        size = draw(st.sampled_from([0.0, 1.0, 2.0, 17.5, 999_999_999.75, 16_777_217.0 * 3]))
        rows.append((minute, {key: size if key == "kwh" else size % 3 for key in said}))
    return rows


@given(readings(), st.data())
@settings(max_examples=150, deadline=None)
def test_stream_and_batch_are_bit_equal_over_late_shuffled_and_repeated_readings(
    rows: list[Row], data: st.DataObject
) -> None:
    delays = data.draw(st.lists(st.integers(0, 19), min_size=len(rows), max_size=len(rows)))
    arrivals = [minute + delay for (minute, _), delay in zip(rows, delays, strict=True)]
    shuffled = [row for _, row in sorted(zip(arrivals, rows, strict=True), key=lambda one: one[0])]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=20)))
    edges = [0, *cuts, len(rows)]
    again = [row for row in rows if row[0] >= rows[-1][0] - 19 and data.draw(st.booleans())]
    parts = [shuffled[i:j] for i, j in itertools.pairwise(edges)]
    assert run([*parts, again]) == run([rows])


@given(readings(), st.integers(0, 40))
@settings(max_examples=50, deadline=None)
def test_what_was_remembered_goes_on_to_the_bit(rows: list[Row], cut: int) -> None:
    state, final = KERNEL.start(), Final()
    if rows[:cut]:
        collect(final, KERNEL.step(state, samples(rows[:cut]))[0])
        head = msgspec.msgpack.encode(head_of(state, 0))
        kept, panes = (list(of(state, 0, -(2**62))) for of in (kept_of, panes_of))
        state = KERNEL.start()
        loader = Loader(state)
        loader.head("a", msgspec.msgpack.decode(head, type=Head))
        for one in kept:
            loader.kept("a", msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Kept))
        for part in panes:
            loader.panes("a", msgspec.msgpack.decode(msgspec.msgpack.encode(part), type=Panes))
        loader.finish()
    if rows[cut:]:
        collect(final, KERNEL.step(state, samples(rows[cut:]))[0])
    collect(final, KERNEL.close(state, 1000 * MINUTE)[0])
    assert final == run([rows])


def test_a_total_out_of_range_is_missing_and_counted_once() -> None:
    state = KERNEL.start()
    _, tally = KERNEL.step(state, samples([(0, {"kwh": -11.0, "temp": 1.0}), (1, {"kwh": 5.0})]))
    assert isinstance(tally, KernelCounts)
    assert tally.implausible.tolist() == [0, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("key", "changed", "said"),
    [
        ("temp", {"wrap_at": 10.0}, r"sensors\[0\].wrap_at = 10.0: expected nothing: kind = 'gauge'"),
        ("temp", {"states": {"on": 1}}, r"sensors\[0\].states"),
        ("mode", {"states": {"on": 1, "off": 1}}, r"a code of its own for each"),
        ("mode", {"states": {"changes": 1}}, r"mode_changes .*keys of no other point"),
        ("kwh", {"hold_s": 60}, r"sensors\[1\].hold_s"),
        ("flow", {"stuck_s": 60}, r"sensors\[4\].stuck_s = 60: expected nothing beside hold_s"),
        ("alarm", {"max_per_minute": 1.0}, r"sensors\[3\].max_per_minute"),
    ],
)
def test_what_does_not_go_with_a_kind_is_refused(key: str, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        fleet(**{key: changed})


def test_a_counter_cannot_stand_for_a_level() -> None:
    raw = {"sensor": "kwh", "above": 1.0}
    with pytest.raises(ConfigError, match=r"running.sensor = 'kwh': expected a level"):
        parse_fleet({**msgspec.to_builtins(_raw()), "running": raw}, "kinds.toml")


def _raw() -> dict[str, Any]:
    one = {"label": "x", "unit": "kWh", "low": 0.0, "high": 1.0}
    return {
        "name": "kinds",
        "asset": "pump",
        "asset_pattern": "a",
        "outcome": "stop",
        "horizons_d": [1.0],
        "sampling": {"period_s": 60, "hop_s": 600, "windows_s": [600]},
        "alerting": {"horizon_d": 1.0},
        "sensors": [{"key": "kwh", "kind": "counter", **one}],
    }
