"""Promotions and kills under load, and what every score has to say after them."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from chillcast.pipeline.pipeline import Pipeline, running
from chillcast.settings import Settings
from models.features.kernel import Windows
from models.registry.bundle import write_bundle
from models.registry.promotion import CHAMPION, Promotion, Promotions
from models.risk.hazard import RiskModel
from models.risk.model_set import ModelSet
from streams.champions.assignments import Schedule
from streams.kafka.live_reader import Feed
from streams.kafka.publisher import Publisher
from streams.records import Assignment, Scores
from streams.stage import Outgoing
from streams.wire import codec
from tests.support.model_pools import divided
from tests.support.reporters import Alarms
from tests.support.toy_model import Trained

HOUR_MS = 3_600_000
START_MS = 1_700_000_000_000 // HOUR_MS * HOUR_MS
ASSETS = ("a", "b", "c", "d")
Key = tuple[str, int]


@dataclass
class Desk:
    """Promotes versions of one model, by the pointer file or on the topic."""

    folder: Path
    toy: Trained

    def __post_init__(self) -> None:
        self.promotions = Promotions(self.folder)

    def models(self, version: str, model: RiskModel) -> RiskModel | ModelSet:
        """Return the model of a version; the third is a set, in which ``a`` has a model of its own."""
        if version != "3":
            return model
        return divided(model, self.toy.model, self.folder / "run" / "segments.pack")

    def claim(self, version: str, offset: float) -> Promotion:
        sha256 = write_bundle(
            self.folder / version,
            self.models(version, replace(self.toy.model, offset=offset)),
            None,
            fleet="toy",
            metrics={},
            lineage={},
        )
        number = self.promotions.next_number
        promotion = Promotion(
            fleet="toy", version=version, sha256=sha256, reason="r", promoted_ms=1, number=number
        )
        self.promotions.claim(promotion)
        return promotion

    def point_at(self, version: str, offset: float) -> None:
        self.claim(version, offset)
        self.promotions.enforce(CHAMPION)


@dataclass
class Heard:
    """Everything that the workers said, and what it was said of."""

    pipeline: Pipeline
    fingerprint: str
    offsets: dict[Key, tuple[int, int]] = field(default_factory=dict)
    scored: dict[Key, set[tuple[str, bytes]]] = field(default_factory=lambda: defaultdict(set))
    members: set[tuple[str, str, str]] = field(default_factory=set)
    assignments: dict[int, list[Assignment]] = field(default_factory=lambda: defaultdict(list))

    def read(self, feed: Feed) -> None:
        for message in feed.poll(0.1):
            place = (message.partition, message.offset)
            if message.content_type == codec.ASSIGNMENT:
                self.assignments[message.partition].append(codec.decode_json(message.value, Assignment))
            elif message.content_type == codec.WINDOWS:
                record = codec.decode_features(message.value, message.content_type, self.fingerprint)
                assert isinstance(record, Windows)
                self.offsets[record.assets[0], int(record.end_ms[0])] = place
            elif message.content_type == codec.SCORES:
                scores = codec.decode_scores(message.value, message.content_type)
                assert isinstance(scores, Scores)
                key = (scores.assets[0], int(scores.end_ms[0]))
                self.scored[key].add((scores.model, scores.risk.tobytes()))
                self.members.add((scores.model, key[0], scores.member(0)))

    def versions(self) -> set[str]:
        return {version for said in self.scored.values() for version, _ in said}


def window(toy: Trained, topic: str, asset: str, hour: int) -> Outgoing:
    vector = toy.vector(s0=float(np.random.default_rng(hour).normal()))
    record = Windows(
        (asset,),
        np.zeros(1, np.int32),
        np.array([START_MS + hour * HOUR_MS]),
        np.zeros(1, np.int32),
        vector[None, :],
    )
    return codec.windows(topic, record, slice(None), toy.schema.fingerprint)


def check_swaps(toy: Trained, settings: Settings) -> None:
    """Promote, kill and promote under load, then hold every score against the recorded assignments."""
    desk, alarms, hour = Desk(settings.home_path / "bundles" / toy.fleet.name, toy), list[str](), 0
    desk.point_at("1", 0.0)
    with running(settings, toy.fleet, ["risk"], Alarms(alarms)) as pipeline:
        topics = pipeline.topics
        heard = Heard(pipeline, toy.schema.fingerprint)
        watched = (topics.features, topics.scores, topics.promotions)
        with (
            Feed(pipeline.connection, watched, pipeline.partitions, from_start=True) as feed,
            Publisher(pipeline.connection) as publisher,
        ):

            def stream(until: Callable[[], bool], assets: Sequence[str] = ASSETS) -> None:
                nonlocal hour
                deadline = time.monotonic() + 60
                while not until():
                    assert time.monotonic() < deadline, (heard.versions(), alarms)
                    hour += bool(assets)
                    for i, asset in enumerate(assets):
                        publisher.send(i % pipeline.partitions, window(toy, topics.features, asset, hour))
                    pipeline.supervisor.watch()
                    heard.read(feed)

            def kill() -> None:
                os.kill(pipeline.supervisor.status()[0].pid or 0, signal.SIGKILL)

            stream(lambda: "1" in heard.versions())
            desk.point_at("2", -1.0)
            stream(lambda: "2" in heard.versions())
            kill()
            publisher.send(0, codec.promotion(topics.promotions, desk.claim("3", 1.0)))
            stream(lambda: any(version == "3" and asset == "a" for version, asset, _ in heard.members))
            kill()
            desk.point_at("4", 0.5)
            (desk.folder / "4" / "booster.txt").write_text("tree")
            stream(lambda: any("champion 4 was promoted and is refused" in a for a in alarms))
            stream(lambda: len(heard.scored) == hour * len(ASSETS), assets=())
    schedules = {partition: Schedule(found) for partition, found in heard.assignments.items()}
    assert set(schedules) == set(range(pipeline.partitions))
    assert heard.versions() == {"1", "2", "3"}
    assert {m for m in heard.members if m[2] != "fleet"} == {("3", "a", "model:X")}
    for key, said in heard.scored.items():
        partition, offset = heard.offsets[key]
        assignment = schedules[partition].at(offset, CHAMPION)
        assert assignment is not None
        assert [version for version, _ in said] == [assignment.version], (key, offset)
