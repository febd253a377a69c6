"""Windows over all that is computed, against NumPy; and the same, however the readings arrive."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from models.features.expectation import AppliedExpectation
from models.features.kernel import Kernel, KernelCounts
from models.features.schema import window_name
from models.telemetry.samples import Float32, Float64, Int64, Samples
from tests.support.collected import Final, collect
from tests.support.watched_fleet import EXACT, EXPECTATION, FOLDS, GROUP, HOP_MS, MINUTE, START_MS, watched

FLEET = watched()
KERNEL = Kernel(FLEET, EXPECTATION, folds=FOLDS)
NAMES = ("a1", "a2", "a3")
SLOTS, PERIOD_MS = 2, 10 * MINUTE
PHASES = [Phase.reuse, Phase.generate]  # to shrink takes minutes


def telemetry(seed: int, steps: int) -> Samples:
    """Return samples of three machines in the order of time, with gaps up to weeks and missing readings."""
    rng = np.random.default_rng(seed)
    gaps = rng.choice([3, 10, 20, 60, 900, 3_000, 30_000], steps, p=[0.2, 0.4, 0.2, 0.16, 0.02, 0.01, 0.01])
    time_ms = START_MS + np.cumsum(gaps) * MINUTE
    values = rng.normal(20, 2, (steps, 3)).astype(np.float32)
    values[rng.random((steps, 3)) < 0.1] = np.nan
    return Samples(NAMES, rng.integers(0, 3, steps).astype(np.int32), time_ms, values)


def run(parts: list[Samples]) -> tuple[Final, KernelCounts]:
    state, final, total = KERNEL.start(), dict[tuple[str, int], bytes](), KernelCounts(KERNEL.sensors)
    for part in parts:
        windows, tally = KERNEL.step(state, part)
        total.add(tally)
        collect(final, windows)
    collect(final, KERNEL.close(state, 2 * START_MS)[0])
    return final, total


class Textbook:
    """The channels of one machine's sampling periods, and statistics of them by their definitions."""

    def __init__(self, name: str, time_ms: Int64, values: Float32) -> None:
        self.slot, place = np.unique(time_ms // PERIOD_MS, return_inverse=True)
        merged = np.full((len(self.slot), values.shape[1]), np.nan, np.float32)
        for at, row in zip(place.tolist(), values, strict=True):
            merged[at] = np.where(np.isnan(row), merged[at], row)
        nobody = np.zeros(len(merged), np.int32)
        applied = AppliedExpectation(FLEET, EXPECTATION, FOLDS)
        self.channels = applied.channels((name,), nobody, self.slot * PERIOD_MS, merged)
        self.pane = self.slot // SLOTS
        self.names = (*FLEET.point_keys, *KERNEL.schema.computed.names)

    def cut(self, channel: str, window_s: int, end: int) -> tuple[Float64, Int64, int]:
        """Return values and slots of a channel in a window that ends before pane ``end``; its first pane."""
        start = self.start(window_s, end)
        column = self.channels[:, self.names.index(channel)].astype(np.float64)
        inside = (self.pane >= start) & (self.pane < end) & ~np.isnan(column)
        return column[inside], self.slot[inside], start

    def start(self, window_s: int, end: int) -> int:
        """Return the first pane of a window up to ``end``, excluded; a negative length is of running time."""
        panes = abs(window_s) * 1000 // HOP_MS
        if window_s > 0:
            return end - panes if panes <= EXACT else (end - panes) // GROUP * GROUP
        farthest = (end - max(LENGTHS.values()) * 1000 // HOP_MS) // GROUP * GROUP
        ran = ~np.isnan(self.channels[:, self.names.index("running_s1")])
        return next(
            (
                start
                for start in range(end // GROUP * GROUP, farthest, -GROUP)
                if np.sum(ran & (self.pane >= start) & (self.pane < end)) >= panes * SLOTS
            ),
            farthest,
        )

    def value(self, channel: str, window_s: int, end: int, stat: str) -> float:
        x, slot, start = self.cut(channel, window_s, end)
        if stat == "missing":
            return 1 - len(x) / ((end - max(start, int(self.pane[0]))) * SLOTS)
        if not len(x):
            return float("nan")
        if stat == "slope":
            return self._slope(x, slot, one_pane=window_s * 1000 == HOP_MS)
        return float(getattr(x, {"sd": "std"}.get(stat, stat))())

    def _slope(self, x: Float64, slot: Int64, *, one_pane: bool) -> float:
        t, weight = (slot + 0.5) * PERIOD_MS / 86_400_000, np.ones(len(x), np.int64)
        if not one_pane:
            there, weight = np.unique(slot // SLOTS, return_counts=True)
            x = np.array([x[slot // SLOTS == pane].mean() for pane in there])
            t = (there + 0.5) * HOP_MS / 86_400_000
        t = t - np.average(t, weights=weight)
        away, spread = x - np.average(x, weights=weight), float((weight * t * t).sum())
        return float((weight * t * away).sum() / spread) if len(x) > 1 else float("nan")


LENGTHS = {window_name(s): s for s in (*FLEET.sampling.windows_s, *FLEET.sampling.long_windows_s)}
LENGTHS |= {f"running_{window_name(s)}": -s for s in FLEET.sampling.running_windows_s}
SINGLE = ("mean", "sd", "min", "max", "slope", "missing")
PLAIN = {
    i: name.split(".")
    for i, name in enumerate(KERNEL.schema.names)
    if name.split(".")[2] in SINGLE and not name.startswith("strongest")
}


def compare(vector: Float32, book: Textbook, end: int) -> None:
    """Hold every single statistic of a vector against its definition."""
    expected = np.array([expect(book, end, *of) for of in PLAIN.values()])
    found = vector[np.array(list(PLAIN))].astype(np.float64)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=3e-3)


@given(st.integers(0, 2**31), st.integers(1, 300))
@settings(max_examples=12, deadline=None, phases=PHASES)
def test_every_statistic_equals_that_of_its_definition(seed: int, steps: int) -> None:
    """A window of more than a day begins with a block; of two readings in a period the later stays."""
    samples = telemetry(seed, steps)
    final, _ = run([samples])
    rng = np.random.default_rng(seed)
    for asset in range(3):
        own = samples.take(np.flatnonzero(samples.asset == asset))
        ends = [end for name, end in final if name == NAMES[asset]]
        if not ends:
            continue
        book = Textbook(NAMES[asset], own.time_ms, own.values)
        assert sorted(ends) == ((np.unique(book.pane) + 1) * HOP_MS).tolist()
        for end_ms in rng.choice(ends, 3):
            vector = np.frombuffer(final[NAMES[asset], int(end_ms)], np.float32)
            compare(vector, book, int(end_ms) // HOP_MS)


def expect(book: Textbook, end: int, channel: str, windows: str, stat: str) -> float:
    first, *other = (book.value(channel, LENGTHS[w], end, stat) for w in windows.split("-"))
    return first - other[0] if other else first


def test_what_is_made_of_several_statistics_is_made_of_those_in_the_vector() -> None:
    final, _ = run([telemetry(3, 200)])
    names, vectors = KERNEL.schema.names, np.stack([np.frombuffer(v, np.float32) for v in final.values()])
    own = dict(zip(names, vectors.T, strict=True))
    strongest = np.fmax.reduce(
        [np.abs(own[f"{k}_residual.50000s.mean".replace("50000s", "1000m")]) for k in ("s0", "gap", "s2")]
    )
    assert own["strongest_residual.1000m.mean"].tobytes() == strongest.tobytes()
    top = next(n for n in names if n.startswith("s0_margin.") and n.endswith("days_to_trip")).split(".")[1]
    margin, slope = own[f"s0_margin.{top}.max"], own["s0_margin.1000m.slope"]
    with np.errstate(divide="ignore", invalid="ignore"):
        days = np.where(margin >= 1, 0, np.where(slope > 0, np.minimum((1 - margin) / slope, 90), 90))
    days[np.isnan(margin) | np.isnan(slope)] = np.nan
    np.testing.assert_allclose(own[f"s0_margin.{top}.days_to_trip"], days, rtol=1e-4)
    standing = own["standing.1000m.share"]
    assert ((standing >= 0) & (standing <= 1)).all()


def test_a_machine_that_stood_longer_than_a_window_is_remembered_by_what_it_did_when_it_last_ran() -> None:
    """It stands from pane 80 on: what the clock's window has forgotten, that of running time still holds."""
    steps = 140 * SLOTS
    values = np.tile(np.array([23.0, 20.0, 20.0], np.float32), (steps, 1))
    values[80 * SLOTS :, 2] = 10.0
    time_ms = START_MS // HOP_MS * HOP_MS + np.arange(steps) * PERIOD_MS
    final, _ = run([Samples(("a1",), np.zeros(steps, np.int32), time_ms, values)])
    last = np.frombuffer(final["a1", int(time_ms[0]) + 140 * HOP_MS], np.float32)
    at = KERNEL.schema.index
    assert np.isnan(last[at("s0_margin", "1000m", "mean")])
    assert np.isnan(last[at("a_leak_index", "1000m", "mean")])
    before = np.frombuffer(final["a1", int(time_ms[0]) + 80 * HOP_MS], np.float32)
    for name, stat in (("a_leak_index", "mean"), ("s0_residual", "mean"), ("s0_margin", "max")):
        running = last[at(name, "running_20h", stat)]
        assert running == pytest.approx(before[at(name, "1000m", "max" if stat == "max" else stat)], abs=1e-4)


def apart(samples: Samples, rng: np.random.Generator) -> Samples:
    """Return each reading as a sample of its own, some together: the readings of a time in any order."""
    rows, masks = [], []
    for i, row in enumerate(samples.values):
        groups = rng.integers(0, 3, 3) if rng.random() < 0.8 else np.zeros(3, int)
        for g in rng.permutation(3):
            masked = np.where(groups == g, row, np.float32(np.nan))
            if not np.isnan(masked).all() or np.isnan(row).all() or rng.random() < 0.2:
                rows.append(i)
                masks.append(masked)
    taken = samples.take(np.array(rows, np.int64))
    return Samples(taken.assets, taken.asset, taken.time_ms, np.array(masks, np.float32).reshape(-1, 3))


@given(st.integers(0, 2**31), st.integers(1, 200))
@settings(max_examples=40, deadline=None, phases=PHASES)
def test_a_sensor_a_message_late_and_repeated_gives_the_same_bits_as_whole_samples(
    seed: int, steps: int
) -> None:
    whole, rng = telemetry(seed, steps), np.random.default_rng(seed)
    single = apart(whole, rng)
    # Up to 80 minutes late, which is four panes: some corrections cross the edge of a block.
    delay = rng.integers(0, 80, len(single.time_ms)) * MINUTE * (rng.random(len(single.time_ms)) < 0.3)
    order = np.argsort(single.time_ms + delay, kind="stable")
    again = np.flatnonzero(single.time_ms[order] + delay[order] + 5 * MINUTE >= single.time_ms.max())
    cuts = np.sort(rng.integers(0, len(order) + 1, int(rng.integers(0, 60)))).tolist()
    parts = [single.take(order[i:j]) for i, j in itertools.pairwise([0, *cuts, len(order)]) if j > i]
    batch, _ = run([whole])
    stream, tally = run([*parts, single.take(order[again])])
    assert tally.too_late == 0
    assert stream == batch


def one(minute: int, *values: float) -> Samples:
    time_ms = np.array([START_MS + minute * MINUTE])
    return Samples(("a1",), np.zeros(1, np.int32), time_ms, np.array([values], np.float32))


NAN = float("nan")


def test_of_two_readings_at_one_time_the_one_that_came_later_counts() -> None:
    final, tally = run([one(0, 20.0, NAN, 19.0), one(0, 21.0, 20.0, NAN), one(0, 21.0, 20.0, NAN)])
    vector = np.frombuffer(final["a1", START_MS + HOP_MS], np.float32)
    means = [vector[KERNEL.schema.index(f"s{i}", "20m", "mean")] for i in range(3)]
    assert means == [21.0, 20.0, 19.0]
    assert (tally.samples, tally.duplicates) == (3, 1)


def test_a_sample_without_a_reading_makes_a_window_whether_it_comes_in_time_or_late() -> None:
    """A gateway that lost its sensors is heard of: what is missing is reported; the machine is not silent."""
    silent, spoken = one(25, NAN, NAN, NAN), [one(0, 20.0, 20.0, 20.0), one(45, 20.0, 20.0, 20.0)]
    late, tally = run([*spoken, silent, silent])
    assert late == run([spoken[0], silent, spoken[1]])[0]
    assert ("a1", START_MS + 2 * HOP_MS) in late
    assert (tally.late, tally.duplicates) == (2, 1)


@pytest.mark.parametrize("panes", [47, 48, 49, 72, 79, 80, 81, 500])
def test_after_silence_of_any_length_what_lies_too_far_back_is_gone(panes: int) -> None:
    early = [one(m, 30.0, 20.0, 20.0) for m in range(0, 100, 10)]
    late = one(panes * 20 + 90, 20.0, 20.0, 20.0)
    final, _ = run([*early, late])
    end = (START_MS + (panes * 20 + 90) * MINUTE) // HOP_MS + 1
    rows = [*early, late]
    book = Textbook("a1", np.concatenate([r.time_ms for r in rows]), np.concatenate([r.values for r in rows]))
    compare(np.frombuffer(final["a1", end * HOP_MS], np.float32), book, end)
