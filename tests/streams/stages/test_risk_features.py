"""A window is scored by the model whose features it has, whenever these change; and is scored once."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import StateError
from models.features.schema import FeatureSchema
from models.registry.promotion import CHALLENGER
from streams.records import Assignment, Computed, FeatureMark
from streams.stage import Incoming, Outgoing
from streams.stages.risk import RiskStage
from streams.state.snapshots import Snapshots
from streams.wire import codec
from tests.support.model_pools import Held
from tests.support.risk_messages import TOPICS, alerts, scores, trip, watermark, window
from tests.support.toy_model import Trained, fleet, trained
from tests.support.watched_fleet import watched

Turn = Callable[[Held], object]
PROMOTED, SWAPPED, END = 70, 90, 160  # hours


@functools.cache
def old() -> Trained:
    """The features of before; half of what is hot opens a case."""
    toy = trained(fleet())
    calm, hot = toy.model.score(np.stack([toy.vector(), toy.vector(s0=2.5)]))[:, -1].tolist()
    return replace(toy, model=replace(toy.model, threshold=(calm * hot) ** 0.5))


@functools.cache
def new() -> Trained:
    """The same with another sensor, which stands first, and tells all there is to tell."""
    sensors = (replace(fleet().sensors[0], key="extra", label="extra"), *fleet().sensors)
    toy = trained(replace(fleet(), sensors=sensors), steep=(2.0, 0.5, 0.0, 0.0))
    return replace(toy, model=replace(toy.model, threshold=old().model.threshold))


def log_of(seed: int, swapped: int = SWAPPED) -> list[Incoming]:
    """Return windows of old and new features, the new ones beside the old until they take their place."""
    rng, out = np.random.default_rng(seed), list[Incoming]()
    for hour in range(1, END):
        s0 = float(rng.choice([0.0, 2.5]))
        own = {name: old().vector(s0=s0) for name in ("a", "b")}
        other = {name: new().vector(s0=s0, extra=s0) for name in ("a", "b")}
        if hour < swapped:
            out.append(window(old(), hour, own))
        if hour > 20:
            out.append(window(new(), hour, other, beside=hour < swapped))
        out += [trip(hour, "a")] if rng.random() < 0.05 else []
        out += [watermark(hour)] if rng.random() < 0.3 else []
    return [replace(message, offset=i) for i, message in enumerate(out)]


def offset_of(log: Sequence[Incoming], hour: int) -> int:
    """Return the offset of the first message whose windows end at an hour."""
    ends = (codec.decode_any_features(m.value, m.content_type).record for m in log)
    wanted = watermark(hour)
    until = codec.decode_any_features(wanted.value, wanted.content_type).record.time_ms  # type: ignore[union-attr]
    return next(i for i, record in enumerate(ends) if getattr(record, "end_ms", np.zeros(1))[0] >= until)


def promotes(version: str = "2", **role: str) -> Turn:
    toy = new() if version == "2" else old()
    return lambda pool: pool.promote(version, toy.model, schema=toy.schema, **role)  # type: ignore[arg-type]


@dataclass
class Life:
    """Workers in turn over one partition; ``unrest`` says how often one saves, and dies."""

    turns: dict[int, Turn]
    seed: int = 0
    unrest: float = 0.0
    pool: Held = field(default_factory=Held)
    assignments: list[Assignment] = field(default_factory=list)
    state: list[Outgoing] = field(default_factory=list)
    saved: int = 0

    def live(self, log: Sequence[Incoming]) -> Iterator[list[Outgoing]]:
        """Yield what is said of each message."""
        chance = random.Random(self.seed)
        promotes("1")(self.pool)
        self.bear()
        for i, message in enumerate(log):
            if i in self.turns:
                self.turns[i](self.pool)
            self.decide(i)
            if chance.random() < self.unrest:
                self.state += self.snapshots.write(self.stage.delta(), i)
                self.saved = i
            if chance.random() < self.unrest:
                self.bear()
                list(self.stage.process(log[self.saved : i]))
            yield list(self.stage.process([message]))

    def decide(self, offset: int) -> None:
        said = self.stage.before_batch(offset, seen=False)
        self.assignments += [codec.decode_json(one.value, Assignment) for one in said]

    def bear(self) -> None:
        self.stage = RiskStage(old().fleet, TOPICS, old().schema, self.pool, self.assignments)
        self.snapshots = Snapshots("s", self.stage.identity)
        for i, one in enumerate(self.state):
            self.snapshots.read(Incoming(one.topic, 0, i, one.key, one.value, ""), self.stage)
        if self.snapshots.verify() is not None:
            self.stage.restored()


def said(log: Sequence[Incoming], turns: dict[int, Turn]) -> list[Outgoing]:
    return [one for outputs in Life(turns).live(log) for one in outputs]


def test_a_window_is_scored_by_the_model_of_its_features_and_none_is_missed_or_doubled() -> None:
    log = log_of(1)
    found = [s for s in scores(said(log, {offset_of(log, PROMOTED): promotes()})) if s.model != "shadow"]
    by = {
        (s.assets[a], end): s.model for s in found for a, end in zip(s.asset, s.end_ms.tolist(), strict=True)
    }
    assert len(by) == sum(len(s) for s in found) == 2 * (END - 1)
    assert [by["a", end] for end in sorted({end for _, end in by})] == ["1"] * (SWAPPED - 1) + ["2"] * (
        END - SWAPPED
    )


def test_what_is_computed_beside_is_scored_by_the_challenger_of_these_features_alone() -> None:
    log = log_of(1, swapped=END)
    turns = {0: promotes("1"), offset_of(log, 50): promotes(role=CHALLENGER)}
    out = said(log, turns)
    assert {s.model for s in scores(o for o in out if o.topic == TOPICS.scores)} == {"1"}
    shadowed = scores(o for o in out if o.topic == TOPICS.shadow)
    assert {s.model for s in shadowed} == {"2"}
    assert len(shadowed) == END - 50
    vector = new().vector(s0=2.5, extra=2.5)[None, :]
    assert any(s.risk[0].tobytes() == new().model.score(vector)[0].tobytes() for s in shadowed)
    assert [o for o in out if o.topic != TOPICS.shadow] == said(log, {})
    assert not any(o.topic == TOPICS.dead_letters for o in out)


def test_a_champion_that_is_promoted_waits_until_its_features_are_the_first() -> None:
    log = log_of(1, swapped=END)
    out = said(log, {offset_of(log, PROMOTED): promotes()})
    assert {s.model for s in scores(out)} == {"1"}


def test_a_case_that_is_open_at_the_swap_is_explained_and_closed_in_the_new_features() -> None:
    def hour(toy: Trained, at: int, **means: float) -> Incoming:
        return window(toy, at, {"a": toy.vector(**means)})

    log = [hour(old(), at, s0=2.5) for at in range(1, 5)]
    log += [trip(6), *(hour(new(), at, extra=0.0) for at in range(7, 9))]
    log = [replace(message, offset=i) for i, message in enumerate(log)]
    found = alerts(said(log, {2: promotes()}))
    assert [one.stage for one in found] == ["open", "closed"]
    assert {one.case for one in found} == {found[0].case}


def test_windows_of_features_that_nobody_has_are_refused_by_name() -> None:
    log = [replace(window(new(), 1, {"a": new().vector()}), offset=0)]
    (letter,) = said(log, {})
    assert letter.topic == TOPICS.dead_letters
    assert b"the model expects" in letter.value


@given(st.integers(0, 2**31), st.sampled_from([0.02, 0.2]), st.integers(30, SWAPPED - 1))
@settings(max_examples=12, deadline=None)
def test_whoever_dies_in_between_it_goes_on_to_the_bit_as_if_nobody_had(
    seed: int, unrest: float, promoted: int
) -> None:
    log = log_of(seed)
    turns = {
        offset_of(log, 25): promotes(role=CHALLENGER),
        offset_of(log, promoted): promotes(),
        offset_of(log, 140): promotes("1"),
    }
    quiet, unquiet = Life(turns), Life(turns, seed, unrest)
    for i, (one, other) in enumerate(zip(quiet.live(log), unquiet.live(log), strict=True)):
        assert other == one, f"message {i}"


def test_what_was_remembered_of_features_that_nobody_has_any_more_is_refused() -> None:
    log, life = log_of(1), Life({0: promotes()})
    list(life.live(log))
    life.state += life.snapshots.write(life.stage.delta(), len(log))
    life.pool.known.clear()
    life.pool.promoted.clear()
    promotes("1")(life.pool)
    with pytest.raises(StateError, match="which nobody scores any more"):
        life.bear()


def test_residuals_are_those_of_the_champions_features_whatever_the_fleet_file_of_the_worker_expects() -> (
    None
):
    own, champion = watched(), FeatureSchema(replace(watched(), expectation=watched().expectation[:1]), "x")
    assert {key for group in own.expectation for key in group.sensors} == {"s0", "gap", "s2"}
    stage = RiskStage(own, TOPICS, champion, Held())
    assert stage.drift.points == ("s0", "gap")


def test_windows_of_features_that_a_partition_began_with_are_scored_whoever_was_promoted_meanwhile() -> None:
    pool, log = Held(), log_of(1)
    promotes("1")(pool)
    promotes()(pool)
    computed = Computed(version="1", sha256="1" * 64, fingerprint=old().schema.fingerprint)
    marks = [FeatureMark(offset=0, features=(computed,))]
    stage = RiskStage(old().fleet, TOPICS, new().schema, pool, (), marks)
    assert [
        codec.decode_json(one.value, Assignment).version for one in stage.before_batch(0, seen=False)
    ] == ["2"]
    out = list(stage.process([replace(watermark(0), offset=0), *log]))
    assert {s.model for s in scores(out)} == {"1", "2"}
    assert not [one for one in out if one.topic == TOPICS.dead_letters]
