"""Which stage a worker runs, and what it is given.

What one stage alone needs is imported where it is used: LightGBM, pandas, pyarrow and SciPy would cost a
worker that needs none of them 200 MB.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer

from chillcast.settings import Settings
from models.errors import ConfigError, ModelError
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet, load_fleet
from models.registry.manifest import last_good, load_expectation, read_manifest
from models.registry.promotion import Promotions
from streams.alarms import alarm
from streams.champions.assignments import recorded
from streams.kafka.cluster import connected
from streams.kafka.topics import Topics
from streams.stage import Incoming, Stage
from streams.stages.features import FeatureStage
from streams.worker.commit import Producers, create_committer
from streams.worker.lane import OpenStage, WorkerOptions
from streams.worker.metrics import Metrics
from streams.worker.worker import Worker

if TYPE_CHECKING:
    from pathlib import Path

    from models.features.expectation import Expectation
    from models.store.feature_store import FeatureStore, StoredSchema
    from streams.stores.influx import InfluxStore
    from streams.stores.sqlite_reader import SqliteReader
    from streams.stores.store import Store

log = logging.getLogger("chillcast")

_LOOKED_AT_S = 10.0


def create_worker(name: str, settings: Settings, producers: Producers = AIOKafkaProducer) -> Worker:
    """Return the worker for stage ``name``.

    Raises ConfigError for an unknown stage, and ModelError where the risk stage finds no champion.
    """
    check_stage(name)
    fleet, topics = load_fleet(settings.fleet_path), Topics(settings.topic_prefix)
    plan = _STAGES[name](settings, fleet, topics)
    data_folder = settings.home_path / "run" / name
    data_folder.mkdir(parents=True, exist_ok=True)
    options = WorkerOptions(
        connection=settings.connection,
        group=topics.group(name),
        sources=plan.sources,
        state_topic=topics.state(name),
        assignments_topic=plan.assignments_topic,
        accept_loss=settings.state_loss == "accept",
        state_interval_s=settings.state_interval_s,
        session_timeout_s=settings.session_timeout_s,
        data_folder=str(data_folder),
        dead_letters=topics.dead_letters,
    )
    metrics = Metrics(name)
    if settings.metrics_port:
        metrics.serve(settings.metrics_host, settings.metrics_port)
    committer = create_committer(options.connection, options.group, producers)
    return Worker(options, plan.open_stage, committer, metrics)


def check_stage(name: str) -> None:
    """Raise ConfigError for a stage that there is not."""
    if name not in _STAGES:
        raise ConfigError("command line", "stage", name, f"one of {', '.join(_STAGES)}")


@dataclass(frozen=True, slots=True)
class _StageSpec:
    """What a stage reads, how it is opened, and where what is decided at its turns is kept."""

    sources: tuple[str, ...]
    open_stage: OpenStage
    assignments_topic: str | None = None


def _features(settings: Settings, fleet: Fleet, topics: Topics) -> _StageSpec:
    expectation = None
    if fleet.expectation:
        expectation = last_good(promotions_of(settings, fleet), alarm)

    def open_stage(source: str, partition: int, assignments: Sequence[Incoming]) -> Stage:  # noqa: ARG001
        return FeatureStage(fleet, topics, settings.partitions, expectation)

    return _StageSpec((topics.telemetry,), open_stage)


def _rekey(settings: Settings, fleet: Fleet, topics: Topics) -> _StageSpec:
    from streams.stages.rekey import RekeyStage  # noqa: PLC0415

    source = settings.rekey_topic
    if not source or source in topics.all:
        raise settings.wrong("rekey_topic", "the topic of a producer, which is none of chillcast's own")
    with connected(settings.connection) as cluster:
        found = cluster.partitions([source]).get(source, 0)
    if not 0 < found <= settings.partitions:
        few = f"a topic of 1 to {settings.partitions} partitions, CHILLCAST_PARTITIONS: it has {found}"
        raise settings.wrong("rekey_topic", few if found else "a topic that exists")

    def open_stage(source: str, partition: int, assignments: Sequence[Incoming]) -> Stage:  # noqa: ARG001
        return RekeyStage(fleet, topics, settings.partitions)

    return _StageSpec((source,), open_stage)


def _risk(settings: Settings, fleet: Fleet, topics: Topics) -> _StageSpec:
    from streams.champions.model_pool import PromotedModels  # noqa: PLC0415
    from streams.champions.promotion_watch import Watch  # noqa: PLC0415
    from streams.stages.risk import RiskStage  # noqa: PLC0415

    memory_bytes = settings.segment_memory_mb * 1024 * 1024
    pool = PromotedModels(promotions_of(settings, fleet), fleet, memory_bytes=memory_bytes)
    assignments_topic = topics.promotions if _has_promotions(settings, topics) else None
    Watch(pool, settings.connection, assignments_topic).start()

    def open_stage(source: str, partition: int, assignments: Sequence[Incoming]) -> Stage:  # noqa: ARG001
        return RiskStage(
            fleet, topics, pool.schema, pool, recorded(assignments), records=bool(assignments_topic)
        )

    return _StageSpec((topics.features,), open_stage, assignments_topic)


def _has_promotions(settings: Settings, topics: Topics) -> bool:
    """Return whether promotions and assignments have a topic; without one, the pointer files have to do."""
    with connected(settings.connection) as cluster:
        found = bool(cluster.partitions([topics.promotions]))
    if not found:
        log.warning(
            "no topic %s: promotions are taken from the pointer files, and after a crash what is seen again "
            "may be scored by another version; chillcast up creates it",
            topics.promotions,
        )
    return found


def _sink(settings: Settings, _: Fleet, topics: Topics) -> _StageSpec:
    from streams.stages.sink import SinkStage  # noqa: PLC0415

    _refuse_damage(settings)

    def open_stage(source: str, partition: int, assignments: Sequence[Incoming]) -> Stage:  # noqa: ARG001
        return SinkStage(create_store(settings), topics, alarm)

    return _StageSpec((topics.scores, topics.alerts, topics.drift, topics.events), open_stage)


def _refuse_damage(settings: Settings) -> None:
    """Raise UnavailableError if the embedded store is damaged: what is written may not be found again."""
    from streams.stores.sqlite import SqliteStore  # noqa: PLC0415

    with closing(create_store(settings)) as store:
        if isinstance(store, SqliteStore):
            store.check(_LOOKED_AT_S)


def _landing(settings: Settings, fleet: Fleet, topics: Topics) -> _StageSpec:
    from streams.stages.landing import LandingStage  # noqa: PLC0415

    store = feature_store(settings, fleet)

    def lookup(fingerprint: str) -> tuple[StoredSchema, Expectation | None] | None:
        return _schema_of(fingerprint, fleet, settings)

    def open_stage(source: str, partition: int, assignments: Sequence[Incoming]) -> Stage:  # noqa: ARG001
        return LandingStage(store, topics, lookup, alarm)

    return _StageSpec((topics.features,), open_stage)


def _schema_of(
    fingerprint: str, fleet: Fleet, settings: Settings
) -> tuple[StoredSchema, Expectation | None] | None:
    """Find the features of a fingerprint: the fleet's own, or those of a bundle that was promoted here."""
    from models.features.expectation import identity_of  # noqa: PLC0415
    from models.store.feature_store import stored_schema  # noqa: PLC0415

    plain = FeatureSchema(fleet)
    if fingerprint == plain.fingerprint:
        return stored_schema(plain), None
    for path in promotions_of(settings, fleet).folder.glob("*/manifest.json"):
        folder = path.parent
        try:
            manifest = read_manifest(folder)
        except ModelError as error:
            log.warning("%s", error)
            continue
        if manifest.fingerprint == fingerprint:
            expectation = load_expectation(folder)
            return stored_schema(FeatureSchema(fleet, identity_of(expectation))), expectation
    return None


_STAGES: dict[str, Callable[[Settings, Fleet, Topics], _StageSpec]] = {
    "features": _features,
    "risk": _risk,
    "sink": _sink,
    "landing": _landing,
    "rekey": _rekey,
}


def promotions_of(settings: Settings, fleet: Fleet) -> Promotions:
    """Return the promotions of a fleet, which lie beside its bundles."""
    return Promotions(settings.home_path / "bundles" / fleet.name)


def create_store(settings: Settings) -> Store:
    """Return InfluxDB if a URL is configured, the embedded store otherwise."""
    from streams.stores.open_store import open_store  # noqa: PLC0415

    return open_store(*_place_of_store(settings))


def create_reader(settings: Settings) -> InfluxStore | SqliteReader:
    """Return what reads the store that `create_store` writes."""
    from streams.stores.open_store import open_reader  # noqa: PLC0415

    return open_reader(*_place_of_store(settings))


def _place_of_store(settings: Settings) -> tuple[str | None, str, str, str, Path]:
    token = settings.influx_token.get_secret_value()
    influx = token, settings.influx_org, settings.influx_bucket
    return settings.influx_url or None, *influx, settings.store_path


def feature_store(settings: Settings, fleet: Fleet) -> FeatureStore:
    """Return the feature store of a fleet, under the home folder."""
    from models.store.feature_store import FeatureStore  # noqa: PLC0415

    return FeatureStore(settings.home_path / "features" / fleet.name)
