"""A home whose fleet has drifted: windows of before and after, a champion of before, signals in the store."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from chillcast.models.modelling import Models
from chillcast.resources import Resources, SystemClock
from chillcast.retraining.retraining_config import (
    Limits,
    Policy,
    RetrainingConfig,
    Triggers,
    Window,
)
from chillcast.settings import Settings
from models.event_time import DAY_MS
from models.fleet.fleet import load_fleet
from models.telemetry.samples import Event
from streams.kafka.connection import Connection
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics
from streams.records import Scores, Watermark
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point
from streams.wire import codec
from tests.loop.closed_loop import land, prepared, settings_of
from tests.loop.drifting_fleet import OLD, Story, slices

STORY = Story(history=60, drift=70, days=112)
TODAY = 110
NOW_MS = STORY.ms(TODAY)
CONFIG = RetrainingConfig(
    triggers=Triggers(drift_days=3, drift_machines=10),
    data=Window(days=36, test_days=10),
    promotion=Policy(by="automatic", windows=50, outcomes=10, within_days=60),
    limits=Limits(nice=0),
    rest_days=20,
)


def drifted_home(home: Path) -> Path:
    """Make such a home; it is the fourth week after the drift."""
    settings = settings_of(home)
    fleet = prepared(settings, STORY)
    land(Resources(settings, fleet).feature_store, fleet, slices(STORY, STORY.history - 1, TODAY))
    store = SqliteStore(settings.store_path)
    signal({f"m{i:02d}": 100 for i in range(20)}, store)
    store.add([Point("watermarks", {"partition": "0"}, {"time_ms": float(NOW_MS), "end": 0.0}, 0)])
    assert store.flush().rejected == ()
    store.close()
    return home


def signal(days: dict[str, int], store: SqliteStore, value: float = -2.0) -> None:
    """Write signals of drift, each on its day."""
    for asset, day in days.items():
        tags = {"detector": "adwin", "asset": asset}
        store.add([Point("drift", tags, {"value": value, "text": "it moved"}, STORY.ms(day))])
    assert store.flush().rejected == ()


def models_of(home: Path, **given: object) -> Models:
    """Return the models of a home, on the day after the drift that it is there."""
    settings = settings_of(home, **given)
    clock = SystemClock(since_1970_s=lambda: NOW_MS / 1000)
    return Models(Resources(settings, load_fleet(settings.fleet_path), clock))


def copied(home: Path, to: Path) -> Path:
    """Return a home of one's own with the same content."""
    shutil.copytree(home, to)
    return to


def shadow(settings: Settings, champion: str, challenger: str, *, better: bool = True) -> None:
    """Have both score forty machines once, of which ten stop, all of it long ago."""
    topics, connection = Topics(settings.topic_prefix), Connection(settings.broker)
    create_topics(connection, topics, settings.partitions)
    names, day = tuple(f"m{i:02d}" for i in range(60)), NOW_MS + DAY_MS
    stops = set(names[:OLD:3])
    with Publisher(connection) as publisher:
        sharp = (0.05, 0.2) if better else (0.2, 0.05)
        for topic, model, by in zip(
            (topics.scores, topics.shadow), (champion, challenger), sharp, strict=True
        ):
            risk = np.array([0.25 + (by * 3 if name in stops else -by) for name in names])
            record = Scores(
                model,
                (1.0, 3.0),
                names,
                np.arange(60, dtype=np.int32),
                np.full(60, day),
                np.zeros(60, np.int32),
                np.repeat(risk[:, None], 2, axis=1),
                risk,
            )
            publisher.send(0, codec.scores(topic, record))
        for name in stops:
            publisher.send(1, codec.event(topics.events, Event(day + DAY_MS, name, "shutdown")))
        for partition in range(settings.partitions):
            publisher.send(partition, codec.watermark(topics.scores, Watermark(day + 7 * DAY_MS)))
