"""What triggers a retraining, and what does not; each on a real store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chillcast.retraining.retraining_config import Triggers
from chillcast.retraining.triggers import Look
from models.features.schema import FeatureSchema
from models.fleet.inventory import Inventory
from models.store.feature_store import FeatureStore, Origin
from models.telemetry.samples import Event
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point
from tests.loop.closed_loop import land
from tests.loop.drifting_fleet import Story, drifting_fleet, slices
from tests.support.drifted_homes import STORY, signal

FLEET = drifting_fleet()
SCHEMA = FeatureSchema(FLEET)
DRIFT = Triggers(drift_days=3, drift_machines=10)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    found = SqliteStore(tmp_path / "store.db")
    yield found
    found.close()


@pytest.fixture
def look(store: SqliteStore, tmp_path: Path) -> Look:
    """Look on day 110, having learnt up to day 60."""
    return Look(
        fleet=FLEET,
        reader=store,
        store=FeatureStore(tmp_path / "features"),
        now_ms=STORY.ms(110),
        since_ms=STORY.ms(60),
        champion_ms=STORY.ms(60),
        fingerprint=SCHEMA.fingerprint,
        seen=SCHEMA.names,
        segments=frozenset(),
        by=("model",),
    )


def machines(many: int, day: int) -> dict[str, int]:
    return {f"m{i:02d}": day for i in range(many)}


def fired(look: Look, wanted: Triggers) -> list[tuple[str, str]]:
    return [(one.trigger, one.why) for one in look.fired(wanted)]


def test_nothing_fires_that_was_not_asked_for(look: Look, store: SqliteStore) -> None:
    signal(machines(60, 100), store)
    assert fired(look, Triggers()) == []


@pytest.mark.parametrize(
    ("many", "day", "fires"), [(10, 107, True), (10, 108, False), (9, 70, False), (60, 59, False)]
)
def test_drift_fires_if_machines_enough_stay_changed_for_days_enough(
    look: Look, store: SqliteStore, many: int, day: int, fires: bool
) -> None:
    signal(machines(many, day), store)
    said = [("drift", f"{many} machines changed, and stayed so for {110 - day} days")]
    assert fired(look, DRIFT) == (said if fires else [])


def test_what_was_undone_is_no_drift_nor_what_was_told_of_another_champion(
    look: Look, store: SqliteStore
) -> None:
    signal(machines(12, 90), store)
    assert fired(replace(look, champion_ms=STORY.ms(91)), DRIFT) == []
    signal(machines(3, 100), store, value=2.1)
    assert fired(look, DRIFT) == []


def test_a_signal_that_names_no_machine_is_one_of_the_fleet(look: Look, store: SqliteStore) -> None:
    tags = {"detector": "fleet", "partition": "0"}
    store.add([Point("drift", tags, {"value": 0.5, "text": "firmware"}, STORY.ms(100))])
    store.flush()
    assert fired(look, DRIFT) == []
    wanted = replace(DRIFT, drift_detectors=("fleet",))
    assert fired(look, wanted) == [("drift", "the fleet changed, and stayed so for 10 days")]


def test_what_came_back_and_changed_again_has_changed_since_then(look: Look, store: SqliteStore) -> None:
    for day, value in ((90, -2.0), (91, 2.0), (108, -2.0)):
        signal(machines(12, day), store, value=value)
    assert fired(look, DRIFT) == []
    assert fired(replace(look, now_ms=STORY.ms(111)), DRIFT) == [
        ("drift", "12 machines changed, and stayed so for 3 days")
    ]


def test_of_a_change_of_the_fleet_its_own_time_counts_and_machines_count_beside_it(
    look: Look, store: SqliteStore
) -> None:
    tags = {"detector": "fleet", "partition": "0"}
    store.add([Point("drift", tags, {"value": 0.5, "text": "firmware"}, STORY.ms(108))])
    signal(machines(9, 90), store)
    wanted = replace(DRIFT, drift_detectors=("fleet", *DRIFT.drift_detectors))
    assert fired(look, wanted) == []
    assert fired(look, replace(wanted, drift_machines=9)) == [
        ("drift", "9 machines changed, and stayed so for 20 days")
    ]


def test_outcomes_and_findings_since_it_last_learnt_are_feedback(look: Look) -> None:
    kinds = [("shutdown", 61), ("shutdown", 60), ("finding", 70), ("restart", 70), ("shutdown", 111)]
    events = [Event(STORY.ms(day), "m00", kind, "confirmed") for kind, day in kinds]
    for number in range(2):  # landed again after a kill, in other batches
        look.store.land_events(events, Origin("features-0", number, number + 1))
    assert fired(look, Triggers(outcomes=3)) == []
    assert fired(look, Triggers(outcomes=2)) == [("feedback", "1 shutdowns and 1 findings have come")]


def test_time_that_has_passed_fires(look: Look) -> None:
    assert fired(look, Triggers(every_days=51)) == []
    said = [("schedule", "what was last learnt from is 50 days old")]
    assert fired(look, Triggers(every_days=50)) == said


def test_a_sensor_that_the_champion_has_never_seen_fires(look: Look) -> None:
    older = replace(look, seen=[name for name in SCHEMA.names if not name.startswith("s1.")])
    assert fired(older, Triggers()) == [("new sensor", "the champion has never seen s1")]
    assert fired(older, Triggers(new_sensors=False)) == []


def test_a_segment_with_windows_enough_and_no_model_of_its_own_fires(look: Look) -> None:
    land(look.store, FLEET, slices(Story(days=6)))
    kinds = {f"m{i:02d}": {"model": "old" if i < 20 else "new"} for i in range(60)}
    look.store.keep_inventory(Inventory(kinds))
    wanted = Triggers(segment_instances=700)
    (one,) = look.fired(wanted)
    assert one.segments == ("model:new",)
    assert one.why == "segments without a model have windows enough: model:new 960"
    assert fired(replace(look, segments=frozenset({"model:new"})), wanted) == []
