from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import RecordError
from models.fleet.fleet import Fleet, parse_fleet
from models.telemetry.samples import Event, Samples
from streams.records import Watermark
from streams.stage import Incoming
from streams.stages.admission import EARLIEST_MS, Admission
from streams.wire.sample_batch import SampleBatch

ARRIVED_MS = 1_700_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def fleet(max_assets: int = 3) -> Fleet:
    sampling = {"period_s": 60, "hop_s": 600, "windows_s": [600], "max_future_s": 3600}
    sensors = [{"key": "s", "label": "s", "unit": "K", "low": 0.0, "high": 9.0}]
    names = {"name": "toy", "asset": "toy", "asset_pattern": ".+", "outcome": "stop", "horizons_d": [1.0]}
    rest = {"sampling": sampling, "alerting": {"horizon_d": 1.0}, "sensors": sensors}
    return parse_fleet({**names, **rest, "max_assets": max_assets}, "toy")


def samples(*rows: tuple[str, int]) -> Samples:
    names = tuple(dict.fromkeys(name for name, _ in rows))
    asset = np.array([names.index(name) for name, _ in rows], np.int32)
    return Samples(
        names, asset, np.array([ms for _, ms in rows], np.int64), np.ones((len(rows), 1), np.float32)
    )


def batch_of(*parts: Samples, arrived_ms: int = ARRIVED_MS) -> SampleBatch:
    """Put messages of one machine each, or one of several, into a batch."""
    messages = [Incoming("t", 0, i, None, b"", "", arrived_ms=arrived_ms) for i in range(len(parts))]
    table = tuple(dict.fromkeys(name for part in parts for name in part.assets))
    asset = [table.index(part.assets[i]) for part in parts for i in part.asset.tolist()]
    time_ms, values = (np.concatenate([getattr(p, name) for p in parts]) for name in ("time_ms", "values"))
    joined = parts[0] if len(parts) == 1 else Samples(table, np.array(asset, np.int32), time_ms, values)
    first = np.cumsum([0, *map(len, parts)])
    return SampleBatch(messages, [part.assets for part in parts], first, joined, {})


def admit(admission: Admission, record: Samples, arrived_ms: int) -> tuple[Samples, tuple[str, ...]]:
    """Return what is let in of one message, and why the rest is not; raises RecordError if nothing is."""
    found = admission.admit(batch_of(record, arrived_ms=arrived_ms))
    if not len(found.samples):
        raise RecordError(found.problems[0][0])
    return found.samples, found.problems.get(0, ())


def rows_of(record: object) -> list[tuple[str, int]]:
    assert isinstance(record, Samples)
    names = [record.assets[i] for i in record.asset.tolist()]
    return list(zip(names, record.time_ms.tolist(), strict=True))


@pytest.mark.parametrize(
    ("time_ms", "reason"),
    [
        (ARRIVED_MS + HOUR_MS + 1, "expected at most 2023-11-14T23:13:20Z, max_future_s after its arrival"),
        (ARRIVED_MS + 100 * 365 * DAY_MS, "max_future_s"),
        (ARRIVED_MS // 1000, "after the year 2000; were these seconds"),
    ],
)
def test_a_wrong_clock_is_refused_and_the_machine_goes_on(time_ms: int, reason: str) -> None:
    admission = Admission(fleet())
    with pytest.raises(RecordError, match=reason):
        admit(admission, samples(("a", time_ms)), ARRIVED_MS)
    good = samples(("a", ARRIVED_MS))
    assert admit(admission, good, ARRIVED_MS) == (good, ())


def test_a_wrong_clock_in_a_block_costs_its_own_rows_alone() -> None:
    block = samples(("a", ARRIVED_MS), ("b", ARRIVED_MS + DAY_MS), ("c", ARRIVED_MS), ("b", ARRIVED_MS + 1))
    kept, (problem,) = admit(Admission(fleet()), block, ARRIVED_MS)
    assert rows_of(kept) == [("a", ARRIVED_MS), ("c", ARRIVED_MS), ("b", ARRIVED_MS + 1)]
    assert problem.startswith("1 samples of 'b': time ")


@pytest.mark.parametrize("kind", [Watermark, lambda ms: Event(ms, "a", "shutdown")])
def test_watermarks_and_events_are_held_to_the_same_bounds(kind: type[Watermark]) -> None:
    admission = Admission(fleet())
    for time_ms in (ARRIVED_MS + DAY_MS, EARLIEST_MS - 1):
        with pytest.raises(RecordError, match="time "):
            admission.check(kind(time_ms), ARRIVED_MS)
    admission.check(kind(ARRIVED_MS), ARRIVED_MS)


def test_a_log_without_times_of_arrival_bounds_nothing() -> None:
    far = samples(("a", ARRIVED_MS + 1000 * DAY_MS))
    assert admit(Admission(fleet()), far, 0) == (far, ())


def test_machines_beyond_the_limit_are_refused_by_name_and_the_others_go_on() -> None:
    admission = Admission(fleet(max_assets=2))
    kept, (problem,) = admit(admission, samples(*((name, ARRIVED_MS) for name in "abcd")), ARRIVED_MS)
    assert [name for name, _ in rows_of(kept)] == ["a", "b"]
    assert problem == "asset 'c', 'd': not admitted, this partition has its max_assets = 2"
    with pytest.raises(RecordError, match="asset 'e': not admitted"):
        admission.check(Event(ARRIVED_MS, "e", "shutdown"), ARRIVED_MS)
    assert admit(admission, samples(("b", ARRIVED_MS)), ARRIVED_MS)[1] == ()


def test_the_first_refusal_for_want_of_room_is_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    admission = Admission(fleet(max_assets=1))
    for name in "abc":
        try:
            admit(admission, samples((name, ARRIVED_MS)), ARRIVED_MS)
        except RecordError:
            continue
    assert [r.getMessage() for r in caplog.records if "max_assets" in r.getMessage()] != []
    assert len([r for r in caplog.records if "max_assets" in r.getMessage()]) == 1


_ROWS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(-2, 2)), min_size=1, max_size=8)


@settings(deadline=None)
@given(st.lists(_ROWS, min_size=1, max_size=6), st.integers(0, 5))
def test_after_a_restart_the_same_is_let_in(batches: list[list[tuple[str, int]]], cut: int) -> None:
    through, before = Admission(fleet()), Admission(fleet())
    after = before
    known: list[str] = []
    for i, batch in enumerate(batches):
        if i == cut:
            after = Admission(fleet())
            after.restore(known)
        record = samples(*((name, ARRIVED_MS + day * DAY_MS) for name, day in batch))
        said = [_said(one, record) for one in (through, after)]
        assert said[0] == said[1]
        known += [name for name, _ in said[0][0] if name not in known]


def _said(admission: Admission, record: Samples) -> tuple[list[tuple[str, int]], tuple[str, ...]]:
    try:
        kept, problems = admit(admission, record, ARRIVED_MS)
    except RecordError as error:
        return [], (str(error),)
    return rows_of(kept), problems


_MESSAGES = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(-2, 2)), min_size=1, max_size=12)


@settings(deadline=None)
@given(_MESSAGES)
def test_of_a_batch_the_same_is_let_in_as_of_its_messages_one_by_one(sent: list[tuple[str, int]]) -> None:
    parts = [samples((name, ARRIVED_MS + day * DAY_MS)) for name, day in sent]
    together, alone = Admission(fleet()).admit(batch_of(*parts)), Admission(fleet())
    for i, part in enumerate(parts):
        kept, problems = _said(alone, part)
        found = rows_of(together.part(i, i + 1)) if together.names[i] else []
        assert (found, together.problems.get(i, ())) == (kept, problems)


def limited(**keys: object) -> Fleet:
    return dataclasses.replace(fleet(max_assets=9), **keys)  # type: ignore[arg-type]


def test_with_an_inventory_only_its_machines_are_let_in(caplog: pytest.LogCaptureFixture) -> None:
    admission = Admission(limited(inventory=("a", "b")))
    kept, (problem,) = admit(admission, samples(("a", ARRIVED_MS), ("x", ARRIVED_MS)), ARRIVED_MS)
    assert [name for name, _ in rows_of(kept)] == ["a"]
    assert problem == "asset 'x': not admitted, it does not stand in the inventory"
    with pytest.raises(RecordError, match="asset 'y': not admitted"):
        admission.check(Event(ARRIVED_MS, "y", "shutdown"), ARRIVED_MS)
    assert len([r for r in caplog.records if "inventory" in r.getMessage()]) == 1


def test_of_new_machines_so_many_an_hour_are_let_in_also_after_a_restart() -> None:
    admission = Admission(limited(max_new_assets_per_hour=2))
    kept, (problem,) = admit(admission, samples(*((name, ARRIVED_MS) for name in "abc")), ARRIVED_MS)
    assert [name for name, _ in rows_of(kept)] == ["a", "b"]
    assert problem == "asset 'c': not admitted, max_new_assets_per_hour = 2"
    again = Admission(limited(max_new_assets_per_hour=2))
    again.restore("ab", admission.rate)
    for one in (admission, again):
        with pytest.raises(RecordError, match="max_new_assets_per_hour = 2"):
            admit(one, samples(("c", ARRIVED_MS)), ARRIVED_MS)
        assert admit(one, samples(("a", ARRIVED_MS)), ARRIVED_MS)[1] == ()
        assert admit(one, samples(("c", ARRIVED_MS)), ARRIVED_MS + HOUR_MS)[1] == ()
