"""A machine that sends two sensors of ten, through all workers: no risk is said of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chillcast.pipeline.pipeline import Pipeline, running
from chillcast.settings import Settings
from models.event_time import DAY_MS
from models.features.schema import FeatureSchema
from models.fleet.alerting import Alerting
from models.fleet.fleet import Fleet
from models.fleet.training import Training
from models.registry.bundle import write_bundle
from models.registry.promotion import CHAMPION, Promotion, Promotions
from models.risk.hazard import RiskModel, train
from models.telemetry.labels import HazardRows
from streams.kafka.publisher import Publisher
from streams.kafka.topics import partition_of
from streams.records import Sample, Watermark
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Row
from streams.wire import codec
from tests.support.reporters import Alarms
from tests.support.toy_fleet import HOP, MINUTE, fleet_of

SENSORS, MINUTES = 10, 64
START_MS = 20_000 * DAY_MS
SENT = {"all": SENSORS, "half": 5, "two": 2}


def fleet() -> Fleet:
    alerting = Alerting(horizon_d=1.0, raise_count=1, raise_among=1)
    return replace(fleet_of(sensors=SENSORS), alerting=alerting)


def model(toy: Fleet) -> RiskModel:
    """Fit a model to which every sensor says as much; its threshold lies far below what all of them say."""
    schema, rng, n = FeatureSchema(toy), np.random.default_rng(1), 6000
    columns = np.array([schema.index(key, "32m", "mean") for key in toy.keys])
    features = rng.normal(0, 1, (n, SENSORS)).astype(np.float32)
    outcome = rng.random(n) < 1 / (1 + np.exp(3 - features.sum(axis=1)))
    found = train(
        features,
        HazardRows(np.arange(n), np.zeros(n, np.int32), outcome),
        names=schema.names,
        columns=columns,
        fingerprint=schema.fingerprint,
        horizons_d=toy.horizons_d,
        training=Training(rounds=60, parameters={"num_leaves": 4}),
        seed=1,
    )
    return replace(found, threshold=0.2)


def promote(toy: Fleet, folder: Path) -> None:
    sha256 = write_bundle(folder / "1", model(toy), None, fleet="toy", metrics={}, lineage={})
    promotions = Promotions(folder)
    promotions.claim(Promotion(fleet="toy", version="1", sha256=sha256, reason="r", promoted_ms=1, number=1))
    promotions.enforce(CHAMPION)


def send(pipeline: Pipeline, toy: Fleet) -> None:
    """Send an hour of every machine, all of it hot, and the end of the stream."""
    topic, partitions = pipeline.topics.telemetry, pipeline.partitions
    with Publisher(pipeline.connection) as publisher:
        for minute in range(MINUTES):
            for name, sensors in SENT.items():
                values: dict[str, float | None] = dict.fromkeys(toy.keys[:sensors], 3.0)
                sample = Sample(asset=name, time=START_MS + minute * MINUTE, values=values)
                publisher.send(partition_of(name, partitions), codec.sample(topic, sample))
        for partition in range(partitions):
            end = Watermark(START_MS + MINUTES * MINUTE, end=True)
            publisher.send(partition, codec.watermark(topic, end))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sequence[Row]]:
    """Return what the store holds of every machine, and the alerts."""
    home, toy, alarms = tmp_path_factory.mktemp("home"), fleet(), list[str]()
    settings = Settings(home=str(home))
    promote(toy, settings.home_path / "bundles" / toy.name)
    deadline, windows = time.monotonic() + 120, MINUTES * MINUTE // HOP
    with running(settings, toy, ["features", "risk", "sink"], Alarms(alarms)) as pipeline:
        send(pipeline, toy)
        with closing(SqliteStore(settings.store_path)) as store:
            while True:
                assert time.monotonic() < deadline, alarms
                pipeline.supervisor.watch()
                found = {n: store.history("scores", n, START_MS, START_MS + DAY_MS) for n in SENT}
                if all(len(rows) == windows for rows in found.values()):
                    time.sleep(1)
                    return {**found, "alerts": store.latest("alerts")}
                time.sleep(0.2)


def newest(stored: dict[str, Sequence[Row]], name: str) -> dict[str, float | str]:
    return dict(stored[name][-1].fields)


def test_a_score_says_on_how_much_it_stands(stored: dict[str, Sequence[Row]]) -> None:
    assert newest(stored, "all")["evidence"] == 1.0
    assert newest(stored, "half")["evidence"] == pytest.approx(0.5, abs=0.1)
    assert newest(stored, "two")["evidence"] == pytest.approx(0.2, abs=0.07)


def test_of_a_machine_that_sends_two_sensors_of_ten_no_risk_is_said(stored: dict[str, Sequence[Row]]) -> None:
    assert "risk_1d" in newest(stored, "half")
    assert all(not {"risk_1d", "adapted"} & set(row.fields) for row in stored["two"])


def test_no_case_opens_by_two_sensors_however_hot(stored: dict[str, Sequence[Row]]) -> None:
    opened = {row.tags["asset"] for row in stored["alerts"] if row.tags["stage"] == "open"}
    assert "all" in opened
    assert "two" not in opened
