"""A sensor joins the fleet while its workers run: trained, shadowed and promoted, without a restart of ours.

Workers are killed in between all the same, and every window and score is held against one run in this
process that was never disturbed.
"""

from __future__ import annotations

import functools
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from chillcast.pipeline.pipeline import Pipeline, running
from chillcast.settings import Settings
from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.learning.fitting import fit
from models.learning.history import History
from models.learning.plan import TrainingPlan
from models.registry.bundle import write_bundle
from models.registry.promotion import CHALLENGER, CHAMPION, Promotion, Promotions, Role
from models.telemetry.samples import Float32, Samples, TimeSlice
from streams.champions.assignments import recorded
from streams.champions.feature_pool import PromotedFeatures
from streams.champions.feature_schedule import recorded_marks
from streams.champions.model_pool import PromotedModels
from streams.kafka.live_reader import Feed
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, partition_of
from streams.records import Scores, Watermark
from streams.stage import Incoming, Outgoing
from streams.stages.feature_versions import FeatureVersions
from streams.stages.features import FeatureStage
from streams.stages.risk import RiskStage
from streams.wire import codec
from tests.kafka.toy import HOP_MS, HOPS, HOUR_MS, NAMES, PER_HOP, SENSORS, START_MS, fleet, telemetry
from tests.support.reporters import Alarms

Key = tuple[str, int, int]
Found = dict[tuple[str, bool], dict[Key, bytes]]
_SEED = 8  # in which every machine has samples in every hop
_MOST_HOPS = 1000
_AHEAD_HOPS = 12  # that are sent before they are scored
_PACE_S = 0.15  # so that workers look for promotions more than once while telemetry comes
_PATIENCE_S = 300.0


def grown() -> Fleet:
    """Return the fleet file with one sensor more, which stands first."""
    new = replace(fleet().sensors[0], key="extra", label="extra", unit="bar")
    return replace(fleet(), sensors=(new, *fleet().sensors))


@functools.cache
def grown_values(seed: int, hops: int = HOPS) -> Float32:
    """Return the telemetry of the toy fleet with a new sensor, which rises as the first does."""
    values = telemetry(seed, hops).values
    extra = values[:, :, :1] + np.random.default_rng(seed).normal(0, 1, (*values.shape[:2], 1))
    return np.concatenate([extra.astype(np.float32), values], axis=2)


def slices(owner: Fleet, seed: int) -> Iterator[TimeSlice]:
    """Yield the history that a version is trained on, with the sensors of a fleet file."""
    values = grown_values(seed)
    for one in telemetry(seed, HOPS).slices():
        hours = (one.samples.time_ms - START_MS) // HOUR_MS
        rows = values[hours, one.samples.asset][:, len(grown().sensors) - len(owner.sensors) :]
        yield replace(one, samples=replace(one.samples, values=np.ascontiguousarray(rows)))


@dataclass
class Desk:
    """Trains versions by a fleet file, writes their bundles, and promotes them as a person would."""

    folder: Path

    def train(self, version: str, owner: Fleet) -> None:
        plan = TrainingPlan(fleet=owner, start_ms=START_MS, until_ms=START_MS + HOPS * HOP_MS, seed=1)
        found = fit(plan, History(owner, slices(owner, 101)), lambda *_: None)
        made = write_bundle(
            self.folder / version, found.models, found.expectation, fleet=owner, metrics={}, lineage={}
        )
        (self.folder / f"{version}.sha256").write_text(made)

    def promote(self, version: str, role: Role) -> None:
        promotions = Promotions(self.folder)
        promotions.claim(
            Promotion(
                fleet="toy",
                version=version,
                role=role,
                sha256=(self.folder / f"{version}.sha256").read_text(),
                reason="r",
                promoted_ms=1,
                number=promotions.next_number,
            )
        )
        promotions.enforce(role)


@dataclass
class Heard:
    """Everything that was said, topic by topic and partition by partition."""

    messages: dict[tuple[str, int], list[Incoming]] = field(default_factory=lambda: defaultdict(list))
    models: set[tuple[str, str]] = field(default_factory=set)
    reached_ms: dict[tuple[str, int], int] = field(default_factory=dict)

    def read(self, feed: Feed) -> None:
        for message in feed.poll(0.05):
            place = message.topic, message.partition
            self.messages[place].append(message)
            if message.content_type == codec.WATERMARK:
                self.reached_ms[place] = codec.decode_json(message.value, Watermark).time_ms
            if message.content_type == codec.SCORES:
                record = codec.decode_scores(message.value, message.content_type)
                assert isinstance(record, Scores)
                self.models.add((message.topic, record.model))


def block(topic: str, hop: int, asset: int, *, is_new: bool) -> Outgoing:
    """Return four hours of one machine, as a gateway sends them that knows the new sensor, or does not."""
    owner, hours = grown() if is_new else fleet(), np.arange(hop * PER_HOP, (hop + 1) * PER_HOP)
    rows = grown_values(_SEED, _MOST_HOPS)[hours, asset][:, 0 if is_new else len(grown().sensors) - SENSORS :]
    times = START_MS + hours * HOUR_MS
    samples = Samples((NAMES[asset],), np.zeros(len(times), np.int32), times, np.ascontiguousarray(rows))
    return codec.block(topic, samples, owner.schema)


def test_a_new_sensor_is_trained_on_shadowed_and_promoted_while_workers_run(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path), state_interval_s=1)
    desk, alarms, heard = Desk(tmp_path / "bundles" / "toy"), list[str](), Heard()
    desk.train("1", fleet())
    desk.promote("1", CHAMPION)
    with running(settings, fleet(), ["features", "risk"], Alarms(alarms)) as pipeline:
        topics, hop = pipeline.topics, 0
        watched = (topics.telemetry, topics.features, topics.scores, topics.shadow, topics.promotions)
        with (
            Feed(pipeline.connection, watched, pipeline.partitions, from_start=True) as feed,
            Publisher(pipeline.connection) as publisher,
        ):

            def marks() -> list[list[str]]:
                return [computed(heard, topics, p) for p in homes(pipeline)]

            def stream(until: Callable[[], bool], *, is_new: bool = True) -> None:
                nonlocal hop
                deadline = time.monotonic() + _PATIENCE_S
                while not until():
                    assert time.monotonic() < deadline, (heard.models, alarms, hop, marks())
                    if hop < min(scored_hops(heard, pipeline) + _AHEAD_HOPS, _MOST_HOPS):
                        for asset, name in enumerate(NAMES):
                            new = is_new and asset % 2 == 0
                            message = block(topics.telemetry, hop, asset, is_new=new)
                            publisher.send(partition_of(name, pipeline.partitions), message)
                        hop += 1
                    pipeline.supervisor.watch()
                    heard.read(feed)
                    time.sleep(_PACE_S)

            def kill(number: int) -> None:
                stream(lambda: pipeline.supervisor.status()[number].pid is not None)
                pid = pipeline.supervisor.status()[number].pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)

            def versions(*wanted: str) -> bool:
                """Return whether these are computed of every partition that has machines."""
                return all(found == list(wanted) for found in marks())

            stream(lambda: (topics.scores, "1") in heard.models and hop > 20, is_new=False)
            desk.train("2", grown())
            desk.promote("2", CHALLENGER)
            stream(lambda: versions("1", "2"), is_new=False)
            kill(0)
            stream(lambda: (topics.shadow, "2") in heard.models)
            desk.promote("2", CHAMPION)
            stream(lambda: (topics.scores, "2") in heard.models)
            kill(0)
            kill(1)
            last = hop + 10
            stream(lambda: hop >= last and versions("2"))
            publisher.flush()
            await_all(lambda: heard.read(feed), pipeline, lambda: unheard(heard, pipeline, hop * len(NAMES)))
            expected = {
                partition: expected_of(heard, pipeline, desk, partition) for partition in homes(pipeline)
            }
            await_all(lambda: heard.read(feed), pipeline, lambda: missing_of(heard, pipeline, expected))
    assert not [one for one in alarms if "refused" in one or "no use" in one], alarms
    check_windows(heard, pipeline, expected)
    check_scores(heard, pipeline, desk)


def homes(pipeline: Pipeline) -> list[int]:
    """Return the partitions that have machines."""
    return sorted({partition_of(name, pipeline.partitions) for name in NAMES})


def computed(heard: Heard, topics: Topics, partition: int) -> list[str]:
    """Return the versions whose features a partition has by the last mark."""
    marks = list(recorded_marks(heard.messages[topics.promotions, partition]))
    return [one.version for one in marks[-1].features] if marks else []


def scored_hops(heard: Heard, pipeline: Pipeline) -> int:
    """Return how many hops of every partition are scored."""
    places = [(pipeline.topics.scores, partition) for partition in homes(pipeline)]
    reached_ms = min(heard.reached_ms.get(place, START_MS) for place in places)
    return max(reached_ms - START_MS, 0) // HOP_MS


def await_all(read: Callable[[], None], pipeline: Pipeline, missing: Callable[[], object]) -> None:
    """Read until nothing is missing, also of what workers say that were killed and come back."""
    deadline = time.monotonic() + _PATIENCE_S
    while left := missing():
        assert time.monotonic() < deadline, left
        for _ in range(20):
            read()
            pipeline.supervisor.watch()


def unheard(heard: Heard, pipeline: Pipeline, sent: int) -> int:
    """Return how much of the telemetry that was sent has not come back so far."""
    places = [(pipeline.topics.telemetry, partition) for partition in homes(pipeline)]
    return max(sent - sum(len(heard.messages[place]) for place in places), 0)


def expected_of(heard: Heard, pipeline: Pipeline, desk: Desk, partition: int) -> Found:
    """Return what one stage says of the whole log that was told beforehand what is computed when."""
    topics, pool = pipeline.topics, PromotedFeatures(Promotions(desk.folder), fleet())
    marks = recorded_marks(heard.messages[topics.promotions, partition])
    stage = FeatureVersions(pool, topics, pipeline.partitions, partition, marks)
    log = heard.messages[topics.telemetry, partition]
    return windows_of([one for message in log for one in stage.process([message])])


def missing_of(heard: Heard, pipeline: Pipeline, expected: Mapping[int, Found]) -> list[Key]:
    """Return which of the windows that are expected are not said, or else not scored."""
    topics, wanted = pipeline.topics, {key for found in expected.values() for key in first_of(found)}
    messages = [one for found in heard.messages.values() for one in found]
    said = set(first_of(windows_of([one for one in messages if one.topic == topics.features])))
    return sorted(wanted - said) or sorted(wanted - scores_of(messages, topics.scores).keys())


def first_of(found: Found) -> list[Key]:
    """Return the windows that were not computed beside."""
    return [key for (_, beside), rows in found.items() if not beside for key in rows]


def windows_of(messages: Sequence[Incoming | Outgoing]) -> Found:
    """Return windows by features, and whether computed beside; who says one twice says the same."""
    out: Found = defaultdict(dict)
    for message in messages:
        if message.content_type != codec.WINDOWS:
            continue
        found = codec.decode_any_features(message.value, message.content_type)
        record = found.record
        assert isinstance(record, Windows)
        rows = zip(record.asset.tolist(), record.end_ms.tolist(), record.revision.tolist(), strict=True)
        for i, (asset, end, revision) in enumerate(rows):
            key, value = (record.assets[asset], end, revision), record.values[i].tobytes()
            assert out[found.fingerprint, found.beside].setdefault(key, value) == value, key
    return out


def check_windows(heard: Heard, pipeline: Pipeline, expected: Mapping[int, Found]) -> None:
    """Hold the windows against those that are expected, and against what was always computed."""
    topics, new = pipeline.topics, FeatureSchema(grown()).fingerprint
    for partition in homes(pipeline):
        log = heard.messages[topics.telemetry, partition]
        marks = list(recorded_marks(heard.messages[topics.promotions, partition]))
        assert [len(mark.features) for mark in marks] == [1, 2, 1]
        found = windows_of(heard.messages[topics.features, partition])
        assert found == expected[partition]
        scored = found[new, False]
        always = FeatureStage(grown(), topics, pipeline.partitions)
        always.decoder.kin = (fleet(),)
        from_start = windows_of([one for message in log for one in always.process([message])])
        assert scored == {key: from_start[new, False][key] for key in scored} != {}
        assert len(set(first_of(found))) == len(first_of(found))


def check_scores(heard: Heard, pipeline: Pipeline, desk: Desk) -> None:
    """Hold the scores against one stage that was told beforehand who scores when."""
    topics, pool = pipeline.topics, PromotedModels(Promotions(desk.folder), fleet())
    for partition in homes(pipeline):
        assignments = list(recorded(heard.messages[topics.promotions, partition]))
        stage = RiskStage(fleet(), topics, pool.schema, pool, assignments)
        log = heard.messages[topics.features, partition]
        expected = scores_of([one for message in log for one in stage.process([message])], topics.scores)
        found = scores_of(heard.messages[topics.scores, partition], topics.scores)
        assert found == expected
        assert {model for model, _ in found.values()} == {"1", "2"}
        ends: dict[str, list[int]] = {"1": [], "2": []}
        for (_, end, revision), (model, _) in found.items():
            ends[model] += [end] if not revision else []
        assert max(ends["1"]) <= min(ends["2"]) + HOP_MS


def scores_of(messages: Sequence[Incoming | Outgoing], topic: str) -> dict[Key, tuple[str, bytes]]:
    """Return who scored each window, and how; whoever says one twice says the same."""
    out: dict[Key, tuple[str, bytes]] = {}
    for message in messages:
        if message.topic != topic or message.content_type != codec.SCORES:
            continue
        record = codec.decode_scores(message.value, message.content_type)
        assert isinstance(record, Scores)
        rows = zip(record.asset.tolist(), record.end_ms.tolist(), record.revision.tolist(), strict=True)
        for i, (asset, end, revision) in enumerate(rows):
            said = record.model, record.risk[i].tobytes() + record.adapted[i].tobytes()
            assert out.setdefault((record.assets[asset], end, revision), said) == said
    return out
