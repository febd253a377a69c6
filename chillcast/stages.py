"""Which stage a worker runs, and what it is given."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from aiokafka import AIOKafkaProducer

from chillcast.settings import Settings
from models.bundle import champion, load_bundle, load_expectation, read_manifest
from models.errors import ConfigError, ModelError
from models.expectation import Expectation, identity_of
from models.feature_store import FeatureStore, StoredSchema, stored_schema
from models.features import FeatureSchema
from models.fleet import Fleet, load_fleet
from streams.alarms import alarm
from streams.commit import Producers, create_committer
from streams.feature_stage import FeatureStage
from streams.landing_stage import LandingStage
from streams.metrics import Metrics
from streams.open_store import open_store
from streams.risk_stage import RiskStage
from streams.sink_stage import SinkStage
from streams.stage import Stage
from streams.store import Store
from streams.topics import Topics
from streams.worker import OpenStage, Worker, WorkerOptions

log = logging.getLogger("chillcast")


def create_worker(name: str, settings: Settings, producers: Producers = AIOKafkaProducer) -> Worker:
    """Return the worker for stage ``name``.

    Raises ConfigError for an unknown stage, and ModelError where the risk stage finds no champion.
    """
    if name not in _STAGES:
        raise ConfigError("command line", "stage", name, f"one of {', '.join(_STAGES)}")
    fleet, topics = load_fleet(settings.fleet_path), Topics(settings.topic_prefix)
    sources, open_stage = _STAGES[name](settings, fleet, topics)
    data_folder = settings.home_path / "run" / name
    data_folder.mkdir(parents=True, exist_ok=True)
    options = WorkerOptions(
        connection=settings.connection,
        group=topics.group(name),
        sources=sources,
        state_topic=topics.state(name),
        accept_loss=settings.state_loss == "accept",
        state_interval_s=settings.state_interval_s,
        session_timeout_s=settings.session_timeout_s,
        data_folder=str(data_folder),
    )
    metrics = Metrics(name)
    if settings.metrics_port:
        metrics.serve(settings.metrics_host, settings.metrics_port)
    committer = create_committer(options.connection, options.group, producers)
    return Worker(options, open_stage, committer, metrics)


def _features(settings: Settings, fleet: Fleet, topics: Topics) -> tuple[tuple[str, ...], OpenStage]:
    expectation = load_expectation(_champion(settings, fleet)[1]) if fleet.expectation else None

    def open_stage(source: str, partition: int) -> Stage:  # noqa: ARG001
        return FeatureStage(fleet, topics, settings.partitions, expectation)

    return (topics.telemetry,), open_stage


def _risk(settings: Settings, fleet: Fleet, topics: Topics) -> tuple[tuple[str, ...], OpenStage]:
    version, folder = _champion(settings, fleet)
    expectation = load_expectation(folder)
    schema = FeatureSchema(fleet, identity_of(expectation))
    model = load_bundle(folder, schema.fingerprint)
    log.warning("scoring with version %s, threshold %.4f", version, model.threshold)

    def open_stage(source: str, partition: int) -> Stage:  # noqa: ARG001
        return RiskStage(fleet, topics, model, schema, version, expectation=expectation)

    return (topics.features,), open_stage


def _sink(settings: Settings, _: Fleet, topics: Topics) -> tuple[tuple[str, ...], OpenStage]:
    def open_stage(source: str, partition: int) -> Stage:  # noqa: ARG001
        return SinkStage(create_store(settings), topics, alarm)

    return (topics.scores, topics.alerts, topics.drift, topics.events), open_stage


def _landing(settings: Settings, fleet: Fleet, topics: Topics) -> tuple[tuple[str, ...], OpenStage]:
    store = feature_store(settings, fleet)

    def lookup(fingerprint: str) -> tuple[StoredSchema, Expectation | None] | None:
        return _schema_of(fingerprint, fleet, settings)

    def open_stage(source: str, partition: int) -> Stage:  # noqa: ARG001
        return LandingStage(store, topics, lookup, alarm)

    return (topics.features,), open_stage


def _schema_of(
    fingerprint: str, fleet: Fleet, settings: Settings
) -> tuple[StoredSchema, Expectation | None] | None:
    """Find the features of a fingerprint: the fleet's own, or those of a bundle that was promoted here."""
    plain = FeatureSchema(fleet)
    if fingerprint == plain.fingerprint:
        return stored_schema(plain), None
    for folder in (settings.home_path / "bundles" / fleet.name).glob("*/"):
        try:
            manifest = read_manifest(folder)
        except ModelError as error:
            log.warning("%s", error)
            continue
        if manifest.fingerprint == fingerprint:
            expectation = load_expectation(folder)
            return stored_schema(FeatureSchema(fleet, identity_of(expectation))), expectation
    return None


_STAGES: dict[str, Callable[[Settings, Fleet, Topics], tuple[tuple[str, ...], OpenStage]]] = {
    "features": _features,
    "risk": _risk,
    "sink": _sink,
    "landing": _landing,
}


def _champion(settings: Settings, fleet: Fleet) -> tuple[str, Path]:
    return champion(settings.home_path / "bundles" / fleet.name)


def create_store(settings: Settings) -> Store:
    """Return InfluxDB where a URL is configured, the embedded store otherwise."""
    return open_store(
        settings.influx_url or None,
        settings.influx_token,
        settings.influx_org,
        settings.influx_bucket,
        settings.store_path,
    )


def feature_store(settings: Settings, fleet: Fleet) -> FeatureStore:
    """Return the feature store of a fleet, under the home folder."""
    return FeatureStore(settings.home_path / "features" / fleet.name)
