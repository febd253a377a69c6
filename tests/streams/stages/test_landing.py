from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.cases.case import Mark
from models.cases.stops import PlannedStop
from models.errors import UnavailableError
from models.features.expectation import Expectation
from models.features.kernel import Windows
from models.store.feature_store import FeatureStore, Origin, StoredSchema
from models.telemetry.planned_stops import Stopped, stops_of
from models.telemetry.samples import Event
from streams.kafka.topics import Topics
from streams.records import CaseOutcome, DeadLetter, Watermark
from streams.stage import Incoming, Outgoing
from streams.stages.landing import LandingStage
from streams.wire import codec
from tests.support.small_disk import SmallDisk
from tests.support.stored_windows import HOUR_MS, SCHEMA, windows

TOPICS = Topics("t.")
EVENT = Event(HOUR_MS, "a", "shutdown", "surge")


def lookup(fingerprint: str) -> tuple[StoredSchema, Expectation | None] | None:
    return (SCHEMA, None) if fingerprint == SCHEMA.fingerprint else None


def arrive(offset: int, out: Outgoing) -> Incoming:
    return Incoming(out.topic, 1, offset, out.key, out.value, out.content_type)


def of_windows(offset: int, record: Windows, fingerprint: str = SCHEMA.fingerprint) -> Incoming:
    return arrive(offset, codec.windows(TOPICS.features, record, slice(None), fingerprint))


def land(stage: LandingStage, *received: Incoming) -> list[Outgoing]:
    out = list(stage.process(received))
    return out + list(asyncio.run(stage.flush()))


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path)


def found(offset: int, outcome: str, *, is_label: bool = True) -> Incoming:
    about = {"case": "a-1", "asset": "a", "version": 2, "opened_ms": 1, "episode_ms": 1, "who": "ann"}
    said = {**about, "as_of_ms": HOUR_MS, "time_ms": 9, "outcome": outcome, "is_label": is_label}
    return arrive(offset, codec.case_outcome(TOPICS.outcomes, msgspec.convert(said, CaseOutcome)))


def test_what_was_found_lands_as_an_event_and_what_nobody_looked_at_does_not(store: FeatureStore) -> None:
    stage = LandingStage(store, TOPICS, lookup)
    assert land(stage, found(1, "confirmed"), found(2, "not-inspected", is_label=False)) == []
    (event,) = [e for f in store.event_files() for e in store.read_events(f)]
    assert event == Event(HOUR_MS, "a", "finding", "confirmed")


def planned(offset: int, *, until_ms: int, cancelled: bool = False) -> Incoming:
    by = Mark(who="ann", time_ms=2) if cancelled else None
    about: dict[str, Any] = {"plan": "p1", "asset": "a", "who": "ann", "time_ms": 1, "from_ms": 2 * HOUR_MS}
    stop = PlannedStop(**about, until_ms=until_ms, planned_until_ms=9 * HOUR_MS, cancelled=by)
    return arrive(offset, codec.planned_stop(TOPICS.outcomes, stop))


@pytest.mark.parametrize(
    ("until_h", "stopped"),
    [(None, [Stopped(2 * HOUR_MS, 9 * HOUR_MS)]), (5, [Stopped(2 * HOUR_MS, 5 * HOUR_MS)]), (2, [])],
)
def test_a_planned_stop_lands_as_it_was_in_the_end(
    store: FeatureStore, until_h: int | None, stopped: list[Stopped]
) -> None:
    stage = LandingStage(store, TOPICS, lookup)
    assert land(stage, planned(1, until_ms=9 * HOUR_MS)) == []
    if until_h is not None:
        assert land(stage, planned(2, until_ms=until_h * HOUR_MS, cancelled=True)) == []
    events = [e for f in store.event_files() for e in store.read_events(f)]
    assert list(stops_of(events).get("a", ())) == stopped


def test_windows_and_events_lie_in_the_store_before_the_messages_are_acknowledged(
    store: FeatureStore,
) -> None:
    stage = LandingStage(store, TOPICS, lookup)
    mark = arrive(6, codec.watermark(TOPICS.features, Watermark(HOUR_MS)))
    event = arrive(5, codec.event(TOPICS.features, EVENT))
    assert land(stage, of_windows(4, windows([1])), event, mark) == []
    (file,) = store.window_files(SCHEMA.fingerprint)
    assert Path(file.path).name.startswith("t.features-1-000000000004-000000000006-")
    assert [e for f in store.event_files() for e in store.read_events(f)] == [EVENT]
    assert store.schema(SCHEMA.fingerprint) == SCHEMA


def test_windows_that_are_computed_beside_and_are_not_scored_do_not_land(store: FeatureStore) -> None:
    stage, out = LandingStage(store, TOPICS, lookup), list[Incoming]()
    for offset, fingerprint in enumerate((SCHEMA.fingerprint, "0" * 16)):
        beside = codec.windows(TOPICS.features, windows([1]), slice(None), fingerprint, beside=True)
        out.append(arrive(offset, beside))
    assert land(stage, *out) == []
    assert store.window_files(SCHEMA.fingerprint) == []
    assert land(stage, *out, of_windows(2, windows([1]))) == []
    assert len(store.window_files(SCHEMA.fingerprint)) == 1


def test_the_offsets_of_a_file_are_those_of_its_batch(store: FeatureStore) -> None:
    stage = LandingStage(store, TOPICS, lookup)
    land(stage, of_windows(4, windows([1])))
    land(stage, of_windows(5, windows([2])), of_windows(6, windows([3])))
    names = [Path(f.path).name[:38] for f in store.window_files(SCHEMA.fingerprint)]
    assert names == ["t.features-1-000000000004-000000000004", "t.features-1-000000000005-000000000006"]


def test_what_cannot_be_understood_is_a_dead_letter_and_the_rest_lands(store: FeatureStore) -> None:
    stage = LandingStage(store, TOPICS, lookup)
    garbage = Incoming("t.features", 1, 7, None, b"\xff", codec.WINDOWS)
    narrow = windows([1])
    narrow = Windows(narrow.assets, narrow.asset, narrow.end_ms, narrow.revision, narrow.values[:, :1])
    out = land(
        stage,
        garbage,
        of_windows(8, windows([1]), "0" * 16),
        of_windows(9, narrow),
        of_windows(10, windows([2])),
    )
    reasons = [msgspec.json.decode(o.value, type=DeadLetter).reason for o in out]
    assert "not a WindowBlock" in reasons[0]
    assert reasons[1] == f"fingerprint '{'0' * 16}': no promoted model has these features"
    assert reasons[2] == "values: 1 features a window: expected 2"
    assert len(store.window_files(SCHEMA.fingerprint)) == 1


class FullDisk(FeatureStore):
    """Refuses as often as it is told to."""

    failures = 2

    def land(self, schema: StoredSchema, windows: Sequence[Windows], origin: Origin) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError(28, "No space left on device")
        super().land(schema, windows, origin)


class SlowDisk(FeatureStore):
    """Says which thread lands, and takes its time."""

    def __init__(self, folder: Path, seen: set[int]) -> None:
        super().__init__(folder)
        self.seen = seen

    def land(self, schema: StoredSchema, windows: Sequence[Windows], origin: Origin) -> None:
        self.seen.add(threading.get_ident())
        time.sleep(0.05)
        super().land(schema, windows, origin)


def test_all_partitions_of_a_worker_land_in_one_thread_which_is_not_that_of_its_loop(tmp_path: Path) -> None:
    seen: set[int] = set()
    stages = [LandingStage(SlowDisk(tmp_path / str(n), seen), TOPICS, lookup) for n in range(4)]

    async def flushed() -> None:
        await asyncio.gather(*(stage.flush() for stage in stages))

    for stage in stages:
        list(stage.process([of_windows(4, windows([1]))]))
    asyncio.run(flushed())
    assert len(seen) == 1
    assert threading.get_ident() not in seen


@pytest.mark.usefixtures("pauses")
def test_a_full_disk_is_waited_for_with_an_alarm(tmp_path: Path) -> None:
    alarms: list[str] = []
    store = FullDisk(tmp_path)
    land(LandingStage(store, TOPICS, lookup, alarms.append), of_windows(4, windows([1])))
    assert len(store.window_files(SCHEMA.fingerprint)) == 1
    assert [
        a.endswith(f"nothing is lost, next try in {s} s") for a, s in zip(alarms, (1, 2), strict=True)
    ] == [True] * 2
    assert "No space left on device" in alarms[0]


class Away:
    """Bundles that cannot be read for some looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def __call__(self, fingerprint: str) -> tuple[StoredSchema, Expectation | None] | None:
        if self.looks:
            self.looks -= 1
            raise UnavailableError("bundles/toy: no bundle is there")
        return lookup(fingerprint)


@pytest.mark.usefixtures("pauses")
def test_bundles_that_cannot_be_read_are_waited_for_with_an_alarm(store: FeatureStore) -> None:
    alarms: list[str] = []
    stage = LandingStage(store, TOPICS, Away(3), alarms.append)
    event = arrive(6, codec.event(TOPICS.features, EVENT))
    out = land(stage, of_windows(4, windows([1])), of_windows(5, windows([2]), "0" * 16), event)
    (letter,) = [msgspec.json.decode(o.value, type=DeadLetter) for o in out]
    assert (letter.offset, "no promoted model has these features" in letter.reason) == (5, True)
    assert sum(len(store.read_windows(f, [])) for f in store.window_files(SCHEMA.fingerprint)) == 2
    assert [e for f in store.event_files() for e in store.read_events(f)] == [EVENT]
    assert alarms == [f"bundles/toy: no bundle is there; nothing is lost, next try in {s} s" for s in (1, 2)]


def test_a_disk_that_is_really_full_is_waited_for_and_left_clean(
    small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms: list[str] = []
    store = FeatureStore(small_disk.folder)
    stage = LandingStage(store, TOPICS, lookup, alarms.append)
    left: list[Path] = []

    async def pause(_: float) -> None:
        left.extend(small_disk.folder.rglob("*.partial"))
        small_disk.make_room()

    monkeypatch.setattr(asyncio, "sleep", pause)
    small_disk.fill()
    event = arrive(5, codec.event(TOPICS.features, EVENT))
    assert land(stage, of_windows(4, windows(list(range(1, 500)))), event) == []
    (alarm,) = alarms
    assert "No space left on device" in alarm
    assert left == []
    assert store.schema(SCHEMA.fingerprint) == SCHEMA
    assert sum(len(store.read_windows(f, [])) for f in store.window_files(SCHEMA.fingerprint)) == 998
    assert [e for f in store.event_files() for e in store.read_events(f)] == [EVENT]
