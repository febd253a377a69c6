"""Features that change while telemetry comes: another expectation, another sensor; and who decides it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import numpy as np

from models.errors import ModelError
from models.fleet.fleet import Fleet
from models.fleet.points import Sensor
from models.registry.promotion import CHALLENGER, CHAMPION, Role
from models.telemetry.samples import Samples
from streams.champions.feature_pool import Features
from streams.records import Computed, FeatureMark
from streams.stage import Incoming, Outgoing
from streams.stages.feature_versions import FeatureVersions
from streams.wire import codec
from tests.support.feature_telemetry import MINUTE, START, TOPICS, telemetry
from tests.support.watched_fleet import EXPECTATION, watched


@functools.cache
def more_sensors() -> Fleet:
    """Return the watched fleet with a fourth sensor, which stands before the others."""
    new = Sensor(key="s3", label="s3", unit="bar", low=0.0, high=9.0)
    return dataclasses.replace(watched(), sensors=(new, *watched().sensors))


@functools.cache
def known() -> dict[str, Features]:
    """Return three versions: the second has another expectation, the third another sensor."""
    other = msgspec.structs.replace(EXPECTATION, sigma=(2.0, 1.0, 0.3), offsets={})
    return {
        "1": Features(watched(), EXPECTATION, "1", "1" * 64),
        "2": Features(watched(), other, "2", "2" * 64),
        "3": Features(more_sensors(), EXPECTATION, "3", "3" * 64),
    }


@dataclass
class HeldFeatures:
    """Knows its versions, by default three; who has a role, and who scores, is as a test says."""

    features: dict[str, Features] = field(default_factory=lambda: dict(known()))
    roles: dict[Role, str] = field(default_factory=lambda: {CHAMPION: "1"})
    scores: str = "1"
    unknown: set[Role] = field(default_factory=set)

    def first(self) -> Features:
        """The champion's, if there is one."""
        return self.promoted(CHAMPION) or self.features["1"]

    def recorded(self, computed: Computed) -> Features:
        """Any that it knows."""
        if computed.version not in self.features:
            raise ModelError(f"bundle {computed.version}: No such file")
        return self.features[computed.version]

    def fleet_of(self, computed: Computed) -> Fleet:
        """Of any that it knows."""
        return self.recorded(computed).fleet

    def promoted(self, role: Role) -> Features | None:
        """Whoever the test has promoted."""
        return self.features.get(self.roles.get(role, ""))

    def is_known(self, role: Role) -> bool:
        """Whether the test lets it be known who has a role."""
        return role not in self.unknown

    def scoring(self, _: int) -> str:
        """Whoever the test lets score."""
        return self.features[self.scores].fingerprint


@dataclass(frozen=True)
class Turn:
    """Before the message at ``offset`` these versions have the roles, and one of them scores."""

    number: int
    offset: int
    champion: str
    challenger: str
    scores: str


@dataclass
class Changing:
    """Who is promoted, and the marks that were recorded: what outlives every worker."""

    held: HeldFeatures = field(default_factory=HeldFeatures)
    turned: dict[int, list[Outgoing]] = field(default_factory=dict)

    def marks(self) -> list[FeatureMark]:
        """Return the marks that were recorded so far."""
        said = [one for outputs in self.turned.values() for one in outputs]
        return [codec.decode_json(one.value, FeatureMark) for one in said]

    def born(self) -> Turning:
        """Return a stage that is given every mark recorded so far."""
        return Turning(FeatureVersions(self.held, TOPICS, 1, 0, self.marks()), self)


@dataclass
class Turning:
    """A stage whose features change."""

    stage: FeatureVersions
    world: Changing

    def act(self, step: Incoming | Turn) -> object:
        """Process a message, or decide what is computed from now on: once, since that is durable."""
        if isinstance(step, Incoming):
            return list(self.stage.process([step])), self.stage.counts().watermark_ms
        if step.number not in self.world.turned:
            self.world.held.roles = {CHAMPION: step.champion, CHALLENGER: step.challenger}
            self.world.held.scores = step.scores
            said = self.stage.before_batch(step.offset, seen=False)
            self.world.turned[step.number] = said
        return self.world.turned[step.number]

    def delta(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield what the stage yields."""
        return self.stage.delta()

    def restore(self, key: bytes, value: bytes) -> None:
        """Give it to the stage."""
        self.stage.restore(key, value)

    def restored(self) -> None:
        """Tell the stage."""
        self.stage.restored()


def log_of(seed: int, hours: int) -> list[Incoming]:
    """Return telemetry with everything that may be wrong with it, some of it from gateways of a new kind."""
    rng, out = np.random.default_rng(seed), list[Incoming]()
    for message in telemetry(seed, hours):
        out.append(message)
        if message.content_type == codec.BLOCK and rng.random() < 0.3:
            minutes = np.array([60 * hours * len(out) // (hours * 7) + rng.integers(-60, 30)])
            values = rng.normal(20, 2, (1, 4)).astype(np.float32)
            samples = Samples(("a2",), np.zeros(1, np.int32), START + minutes * MINUTE, values)
            one = codec.block(TOPICS.telemetry, samples, more_sensors().schema)
            out.append(Incoming(one.topic, 0, 0, one.key, one.value, one.content_type))
    return [dataclasses.replace(message, offset=i) for i, message in enumerate(out)]


def turning(seed: int, hours: int) -> list[Incoming | Turn]:
    """Return telemetry with turns in between, at which any version may be promoted, shadowed, and score."""
    rng, out, number = np.random.default_rng(seed), list[Incoming | Turn](), 0
    champion, challenger, scores = "1", "", "1"
    for message in log_of(seed, hours):
        if message.offset % 5 == 0:
            if rng.random() < 0.05:
                champion, challenger = str(rng.integers(1, 4)), str(rng.integers(1, 4))
            scores = champion if rng.random() < 0.5 else scores
            out.append(Turn(number, message.offset, champion, challenger, scores))
            number += 1
        out.append(message)
    return out
