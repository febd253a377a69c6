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

from chillcast.resources import Resources
from chillcast.settings import Settings
from models.errors import ConfigError
from streams.alarms import alarm
from streams.champions.assignments import recorded
from streams.champions.feature_pool import PromotedFeatures
from streams.champions.feature_schedule import recorded_marks
from streams.champions.promotion_watch import Watch
from streams.kafka.cluster import connected
from streams.kafka.topics import Topics
from streams.stage import Incoming, Stage
from streams.stages.feature_versions import FeatureVersions
from streams.worker.commit import Producers, create_committer
from streams.worker.endpoint import serve
from streams.worker.health import Health
from streams.worker.lane import OpenStage, WorkerOptions
from streams.worker.metrics import Metrics
from streams.worker.worker import Worker

if TYPE_CHECKING:
    from models.features.expectation import Expectation
    from models.store.feature_store import StoredSchema

log = logging.getLogger("chillcast")

_LOOKED_AT_S = 10.0
_SAMPLES, _BLOCKS = 512, 64


def create_worker(name: str, resources: Resources, producers: Producers = AIOKafkaProducer) -> Worker:
    """Return the worker for stage ``name``.

    Raises ConfigError for an unknown stage, and ModelError if the risk stage finds no champion.
    """
    check_stage(name)
    settings, clock = resources.settings, resources.clock
    topics = Topics(settings.topic_prefix)
    spec = _STAGES[name](resources, topics)
    data_folder = settings.home_path / "run" / name
    data_folder.mkdir(parents=True, exist_ok=True)
    options = WorkerOptions(
        connection=settings.connection,
        group=topics.group(name),
        sources=spec.sources,
        state_topic=topics.state(name),
        assignments_topic=spec.assignments_topic,
        accept_loss=settings.state_loss == "accept",
        state_interval_s=settings.state_interval_s,
        session_timeout_s=settings.session_timeout_s,
        data_folder=str(data_folder),
        member=settings.worker_id,
        dead_letters=topics.dead_letters,
        batch=spec.batch,
    )
    metrics, health = Metrics(name, clock=clock.since_1970_s), Health(clock.monotonic_s)
    if settings.metrics_port:
        serve(settings.metrics_host, settings.metrics_port, metrics.families.registry, health)
    committer = create_committer(options.connection, options.group, producers)
    return Worker(options, spec.open_stage, committer, metrics, clock.monotonic_s, health)


def check_stage(name: str) -> None:
    """Raise ConfigError for a stage that there is not."""
    if name not in _STAGES:
        raise ConfigError("command line", "stage", name, f"one of {', '.join(_STAGES)}")


@dataclass(frozen=True, slots=True)
class _StageSpec:
    """What a stage reads, how it is opened, and where what is decided at its turns is kept.

    ``batch`` is how many messages it takes at once: blocks of windows are a thousand times a sample's size.
    """

    sources: tuple[str, ...]
    open_stage: OpenStage
    assignments_topic: str | None = None
    batch: int = _BLOCKS


def _features(resources: Resources, topics: Topics) -> _StageSpec:
    settings, partitions = resources.settings, resources.settings.partitions
    pool = PromotedFeatures(resources.promotions, resources.fleet, clock=resources.clock.monotonic_s)
    marked = topics.promotions if _has_promotions(settings, topics) else None
    Watch(pool, settings.connection, marked, pool.assigned, partitions).start()

    def open_stage(source: str, partition: int, assignments: Sequence[Incoming]) -> Stage:  # noqa: ARG001
        marks, records = recorded_marks(assignments), bool(marked)
        return FeatureVersions(pool, topics, partitions, partition, marks, records=records)

    return _StageSpec((topics.telemetry,), open_stage, marked, batch=_SAMPLES)


def _rekey(resources: Resources, topics: Topics) -> _StageSpec:
    from streams.stages.rekey import RekeyStage  # noqa: PLC0415

    settings = resources.settings
    source = settings.rekey_topic
    if not source or source in topics.all:
        raise settings.wrong("rekey_topic", "the topic of a producer, which is none of chillcast's own")
    with connected(settings.connection) as cluster:
        found = cluster.partitions([source]).get(source, 0)
    if not 0 < found <= settings.partitions:
        few = f"a topic of 1 to {settings.partitions} partitions, CHILLCAST_PARTITIONS: it has {found}"
        raise settings.wrong("rekey_topic", few if found else "a topic that exists")

    def open_stage(source: str, partition: int, assignments: Sequence[Incoming]) -> Stage:  # noqa: ARG001
        return RekeyStage(resources.fleet, topics, settings.partitions)

    return _StageSpec((source,), open_stage, batch=_SAMPLES)


def _risk(resources: Resources, topics: Topics) -> _StageSpec:
    from streams.champions.model_pool import PromotedModels  # noqa: PLC0415
    from streams.stages.outcome_relay import OutcomeRelay  # noqa: PLC0415
    from streams.stages.risk import RiskStage  # noqa: PLC0415

    settings, fleet = resources.settings, resources.fleet
    pool = PromotedModels(
        resources.promotions,
        fleet,
        clock=resources.clock.monotonic_s,
        memory_bytes=settings.segment_memory_mb * 1024 * 1024,
    )
    assignments_topic = topics.promotions if _has_promotions(settings, topics) else None
    Watch(pool, settings.connection, assignments_topic).start()
    inventory = resources.inventory

    def open_stage(source: str, partition: int, assignments: Sequence[Incoming]) -> Stage:  # noqa: ARG001
        if source == topics.outcomes:
            return OutcomeRelay(topics)
        return RiskStage(
            fleet,
            topics,
            pool.schema,
            pool,
            recorded(assignments),
            recorded_marks(assignments),
            records=bool(assignments_topic),
            segments_of=inventory.segments,
        )

    return _StageSpec((topics.features, topics.outcomes), open_stage, assignments_topic)


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


def _cases(resources: Resources, topics: Topics) -> _StageSpec:
    from streams.stages.alert_relay import AlertRelay  # noqa: PLC0415
    from streams.stages.case_desk import CaseDesk  # noqa: PLC0415

    partitions, continues_d = resources.settings.partitions, resources.fleet.alerting.continues_d

    def open_stage(source: str, partition: int, assignments: Sequence[Incoming]) -> Stage:  # noqa: ARG001
        if source == topics.alerts:
            return AlertRelay(topics)
        return CaseDesk(topics, partitions, continues_d)

    return _StageSpec((topics.alerts, topics.case_commands), open_stage)


def _delivery(resources: Resources, topics: Topics) -> _StageSpec:
    from chillcast.pipeline.telling import open_courier  # noqa: PLC0415
    from models.delivery.plan import Plan  # noqa: PLC0415
    from streams.stages.delivery import DeliveryStage  # noqa: PLC0415

    routes, inventory = resources.routes, resources.inventory
    courier, heartbeat = open_courier(resources, topics)

    def open_stage(source: str, partition: int, assignments: Sequence[Incoming]) -> Stage:  # noqa: ARG001
        return DeliveryStage(topics, lambda: Plan(routes, inventory), courier, heartbeat)

    return _StageSpec((topics.notices,), open_stage)


def _sink(resources: Resources, topics: Topics) -> _StageSpec:
    from streams.stages.sink import SinkStage  # noqa: PLC0415

    _refuse_damage(resources)

    def open_stage(source: str, partition: int, assignments: Sequence[Incoming]) -> Stage:  # noqa: ARG001
        return SinkStage(resources.open_store(), topics, alarm, resources.clock.monotonic_s)

    told = (topics.scores, topics.alerts, topics.cases, topics.drift, topics.events)
    return _StageSpec((*told, topics.deliveries, topics.record), open_stage)


def _refuse_damage(resources: Resources) -> None:
    """Raise UnavailableError if the embedded store is damaged: what is written may not be found again."""
    from streams.stores.sqlite import SqliteStore  # noqa: PLC0415

    with closing(resources.open_store()) as store:
        if isinstance(store, SqliteStore):
            store.check(_LOOKED_AT_S, resources.clock.monotonic_s)


def _landing(resources: Resources, topics: Topics) -> _StageSpec:
    import pyarrow as pa  # noqa: PLC0415

    from chillcast.pipeline.promoted_schemas import schema_of  # noqa: PLC0415
    from streams.stages.landing import LandingStage  # noqa: PLC0415

    pa.set_memory_pool(pa.system_memory_pool())  # its own keeps what is freed, out of reach of the worker
    store, fleet, bundles = resources.feature_store, resources.fleet, resources.promotions.folder

    def lookup(fingerprint: str) -> tuple[StoredSchema, Expectation | None] | None:
        return schema_of(fingerprint, fleet, bundles)

    def open_stage(source: str, partition: int, assignments: Sequence[Incoming]) -> Stage:  # noqa: ARG001
        return LandingStage(store, topics, lookup, alarm)

    return _StageSpec((topics.features, topics.outcomes), open_stage)


_STAGES: dict[str, Callable[[Resources, Topics], _StageSpec]] = {
    "features": _features,
    "risk": _risk,
    "cases": _cases,
    "delivery": _delivery,
    "sink": _sink,
    "landing": _landing,
    "rekey": _rekey,
}
