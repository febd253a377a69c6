"""A promoted version takes over between two batches, and what is seen again is scored as it was before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.registry.promotion import CHALLENGER, CHAMPION
from models.risk.hazard import RiskModel
from streams.records import Assignment
from streams.stage import Incoming, Outgoing
from streams.stages.risk import RiskStage
from streams.state.snapshots import Snapshots
from streams.wire import codec
from tests.support.model_pools import Held
from tests.support.risk_messages import TOPICS, alerts, days_of, scores, trip, watermark, window
from tests.support.toy_model import Trained, fleet, trained


@pytest.fixture(scope="module")
def toy() -> Trained:
    return trained(fleet())


@pytest.fixture(scope="module")
def models(toy: Trained) -> dict[str, RiskModel]:
    """Three versions that say different things of the same window."""
    calm, hot = toy.model.score(np.stack([toy.vector(), toy.vector(s0=2.5)]))[:, -1].tolist()
    first = replace(toy.model, threshold=(calm * hot) ** 0.5)
    return {"1": first, "2": replace(first, offset=-1.0), "3": replace(first, offset=0.5, threshold=2.0)}


def opened(
    toy: Trained, pool: Held, assignments: Sequence[Assignment] = (), *, records: bool = True
) -> RiskStage:
    return RiskStage(toy.fleet, TOPICS, toy.schema, pool, assignments, records=records)


def assignments_of(outputs: Sequence[Outgoing]) -> list[Assignment]:
    return [codec.decode_json(o.value, Assignment) for o in outputs if o.content_type == codec.ASSIGNMENT]


def at(offset: int, message: Incoming) -> Incoming:
    return replace(message, offset=offset)


def log_of(toy: Trained, hours: int, seed: int) -> list[Incoming]:
    """Windows of two machines, some hot, with trips and watermarks in between."""
    rng, out = np.random.default_rng(seed), list[Incoming]()
    for hour in range(1, hours):
        hot = {"s0": float(rng.choice([0.0, 2.5]))}
        out.append(window(toy, hour, {"a": toy.vector(**hot), "b": toy.vector(s1=1.0)}))
        if rng.random() < 0.1:
            out.append(trip(hour, "a"))
        if rng.random() < 0.3:
            out.append(watermark(hour))
    return [at(i, message) for i, message in enumerate(out)]


def test_the_champion_that_is_ready_scores_from_the_next_turn_on_and_says_since_when(
    toy: Trained, models: dict[str, RiskModel]
) -> None:
    pool = Held()
    pool.promote("1", models["1"])
    stage = opened(toy, pool)
    first = stage.before_batch(0, seen=False)
    said = list(stage.process([at(0, window(toy, 1, {"a": toy.vector()}))]))
    pool.promote("2", models["2"])
    said += stage.process([at(1, window(toy, 2, {"a": toy.vector()}))])
    second = stage.before_batch(2, seen=False)
    said += stage.process([at(2, window(toy, 3, {"a": toy.vector()}))])
    assert [s.model for s in scores(said)] == ["1", "1", "2"]
    assert scores(said)[2].risk.tobytes() == models["2"].score(toy.vector()[None, :]).tobytes()
    assert [(t.version, t.offset) for t in assignments_of([*first, *second])] == [("1", 0), ("2", 2)]
    assert {o.topic for o in (*first, *second)} == {TOPICS.promotions}
    assert stage.before_batch(3, seen=False) == []


def test_an_open_case_survives_a_change_of_champion_and_is_held_to_the_new_threshold(
    toy: Trained, models: dict[str, RiskModel]
) -> None:
    pool = Held()
    pool.promote("1", models["1"])
    stage = opened(toy, pool)
    hot = [at(i, m) for i, m in enumerate(days_of(toy, range(1, 4 + 49), s0=2.5))]
    (opening,) = alerts(list(stage.process(hot[:3])))
    pool.promote("3", models["3"])
    stage.before_batch(3, seen=False)
    closing = alerts(list(stage.process(hot[3:])))[-1]
    assert closing.stage == "closed"
    assert (closing.case, closing.model, closing.threshold) == (opening.case, "3", 2.0)


def test_what_was_learnt_of_a_champion_is_not_held_against_its_successor(
    toy: Trained, models: dict[str, RiskModel]
) -> None:
    pool = Held()
    pool.promote("1", models["1"])
    stage = opened(toy, pool)
    list(stage.process([at(0, window(toy, 0, {"a": toy.vector()})), at(1, watermark(8 * 24))]))
    list(stage.process([at(2, window(toy, 9 * 24, {"a": toy.vector()}))]))
    assert stage.adaptation.layer.adapted("a").intercept != 0
    assert len(stage.adaptation.pending) == 1
    pool.promote("2", models["2"])
    stage.before_batch(3, seen=False)
    (found,) = scores(list(stage.process([at(3, window(toy, 9 * 24 + 1, {"a": toy.vector()}))])))
    np.testing.assert_allclose(found.adapted, found.risk[:, -1], rtol=1e-9)
    assert len(stage.adaptation.pending) == 0


def test_what_was_forgotten_with_a_champion_is_not_known_after_a_restart(
    toy: Trained, models: dict[str, RiskModel]
) -> None:
    """Also of a machine that is silent since: it waits for no label, and had shown its detector a score."""
    pool = Held()
    pool.promote("1", models["1"])
    stage = opened(toy, pool)
    assigned = assignments_of(stage.before_batch(0, seen=False))
    list(stage.process([at(0, window(toy, 0, {"b": toy.vector()})), at(1, watermark(8 * 24))]))
    topic = list(Snapshots("s", stage.identity).write(stage.delta(), 2))
    stage, snapshots = reopened(toy, pool, assigned, topic)
    assert len(stage.adaptation.drift.remember("b")) == 1
    pool.promote("2", models["2"])
    assigned += assignments_of(stage.before_batch(2, seen=False))
    list(stage.process([at(2, window(toy, 9 * 24, {"a": toy.vector()}))]))
    topic += snapshots.write(stage.delta(), 3)
    successor, _ = reopened(toy, pool, assigned, topic)
    assert successor.adaptation.drift.remember("b") == stage.adaptation.drift.remember("b") == []


def test_what_was_learnt_of_a_champion_that_is_lost_is_not_held_against_its_successor(
    toy: Trained, models: dict[str, RiskModel]
) -> None:
    """Lost is its bundle: after a restart its successor stands in for it before its own time begins."""
    bench = Held()
    bench.promote("1", models["1"])
    stage = opened(toy, bench)
    assigned = assignments_of(stage.before_batch(0, seen=False))
    list(stage.process([at(0, window(toy, 0, {"a": toy.vector()})), at(1, watermark(8 * 24))]))
    saved = list(Snapshots("s", stage.identity).write(stage.delta(), 2))
    bench.promote("2", models["2"])
    assigned += assignments_of(stage.before_batch(2, seen=False))
    del bench.known["1"]
    successor, _ = reopened(toy, bench, assigned, saved)
    after = [at(2, window(toy, 9 * 24 + 1, {"a": toy.vector()}))]
    assert list(successor.process(after)) == list(stage.process(after))


def test_a_recorded_tenure_counts_and_not_what_is_promoted_now(
    toy: Trained, models: dict[str, RiskModel]
) -> None:
    pool = Held()
    recorded = []
    for version, offset in (("1", 0), ("2", 5)):
        found = pool.promote(version, models[version])
        recorded.append(Assignment(role=CHAMPION, version=version, sha256=found.sha256, offset=offset))
    pool.promote("3", models["3"])
    stage = opened(toy, pool, recorded)
    log = [at(i, window(toy, i + 1, {"a": toy.vector()})) for i in range(8)]
    assert [s.model for s in scores(list(stage.process(log)))] == ["1"] * 5 + ["2"] * 3
    (begun,) = assignments_of(stage.before_batch(8, seen=False))
    assert (begun.version, begun.offset) == ("3", 8)


def reopened(
    toy: Trained, pool: Held, assignments: Sequence[Assignment], records: Sequence[Outgoing]
) -> tuple[RiskStage, Snapshots]:
    """Return a successor with what was recorded and saved."""
    stage = opened(toy, pool, assignments)
    snapshots = Snapshots("s", stage.identity)
    for i, record in enumerate(records):
        snapshots.read(Incoming(record.topic, 0, i, record.key, record.value, ""), stage)
    if snapshots.verify() is not None:
        stage.restored()
    return stage, snapshots


def test_where_a_predecessor_may_have_spoken_its_champion_stays(
    toy: Trained, models: dict[str, RiskModel]
) -> None:
    pool = Held()
    first = pool.promote("1", models["1"])
    pool.promote("2", models["2"])
    assignment = Assignment(role=CHAMPION, version="1", sha256=first.sha256, offset=0)
    stage = opened(toy, pool, [assignment])
    assert stage.before_batch(4, seen=True) == []
    assert [t.version for t in assignments_of(stage.before_batch(5, seen=False))] == ["2"]
    assert [t.version for t in assignments_of(opened(toy, pool).before_batch(4, seen=True))] == ["2"]


def test_without_a_topic_nothing_is_recorded_and_the_snapshot_still_knows(
    toy: Trained, models: dict[str, RiskModel]
) -> None:
    pool = Held()
    pool.promote("1", models["1"])
    stage = opened(toy, pool, records=False)
    assert stage.before_batch(0, seen=False) == []
    list(stage.process([at(0, window(toy, 1, {"a": toy.vector()}))]))
    pool.promote("2", models["2"])
    saved = list(Snapshots("s", stage.identity).write(stage.delta(), 1))
    successor, _ = reopened(toy, pool, [], saved)
    (found,) = scores(list(successor.process([at(1, window(toy, 2, {"a": toy.vector()}))])))
    assert found.model == "1"


def test_a_challenger_scores_beside_the_champion_and_alerts_nobody(
    toy: Trained, models: dict[str, RiskModel]
) -> None:
    pool = Held()
    pool.promote("1", models["1"])
    alone, both = opened(toy, pool), opened(toy, pool)
    log = log_of(toy, 100, 1)
    expected = [*alone.before_batch(0, seen=False), *alone.process(log)]
    pool.promote("2", models["2"], CHALLENGER)
    said = [*both.before_batch(0, seen=False), *both.process(log)]
    assert [o for o in said if o.topic != TOPICS.shadow and b"challenger" not in o.value] == expected
    shadowed = scores(o for o in said if o.topic == TOPICS.shadow)
    assert {s.model for s in shadowed} == {"2"}
    assert len(shadowed) == len(scores(expected))


def test_a_challenger_that_became_champion_is_not_scored_twice(
    toy: Trained, models: dict[str, RiskModel]
) -> None:
    pool = Held()
    pool.promote("1", models["1"])
    pool.promote("2", models["2"], CHALLENGER)
    stage = opened(toy, pool)
    stage.before_batch(0, seen=False)
    first = list(stage.process([at(0, window(toy, 1, {"a": toy.vector()}))]))
    pool.promote("2", models["2"])
    stage.before_batch(1, seen=False)
    second = list(stage.process([at(1, window(toy, 2, {"a": toy.vector()}))]))
    assert [s.model for s in scores(first)] == ["1", "2"]
    assert [s.model for s in scores(second)] == ["2"]


Step = tuple[str, int]


@dataclass
class Life:
    """Workers that process one partition in turn; what is durable outlives them.

    ``said`` is what was said of each message, whenever that was.
    """

    toy: Trained
    models: dict[str, RiskModel]
    log: list[Incoming]
    pool: Held = field(default_factory=Held)
    assignments: list[Assignment] = field(default_factory=list)
    state: list[Outgoing] = field(default_factory=list)
    saved: int = 0
    committed: int = 0
    unseen: int = 0
    said: dict[int, list[Outgoing]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.promote(1)
        self.die(0)

    def shadow(self, version: int) -> None:
        self.pool.promote(str(version), self.models[str(version)], CHALLENGER)

    def promote(self, version: int) -> None:
        self.pool.promote(str(version), self.models[str(version)])

    def batch(self, size: int) -> None:
        """Process a batch and commit it."""
        self.lose(size)
        self.committed = min(self.committed + size, len(self.log))

    def lose(self, size: int) -> None:
        """Process a batch, whose outputs are written and whose offset is not."""
        seen = self.committed < self.unseen
        self.assignments += assignments_of(self.stage.before_batch(self.committed, seen=seen))
        for message in self.log[self.committed : self.committed + size]:
            outputs = list(self.stage.process([message]))
            assert self.said.setdefault(message.offset, outputs) == outputs

    def save(self, _: int) -> None:
        self.state += self.snapshots.write(self.stage.delta(), self.committed)
        self.saved = self.committed

    def die(self, lost: int) -> None:
        """Lose the worker, perhaps in the middle of a batch; another sees silently what it did not save."""
        if lost:
            self.lose(lost)
        self.unseen = max(self.said, default=-1) + 1
        self.stage, self.snapshots = reopened(self.toy, self.pool, self.assignments, self.state)
        list(self.stage.process(self.log[self.saved : self.committed]))


STEPS = st.one_of(
    st.tuples(st.just("batch"), st.integers(1, 40)),
    st.tuples(st.just("promote"), st.integers(1, 3)),
    st.tuples(st.just("shadow"), st.integers(1, 3)),
    st.tuples(st.just("save"), st.just(0)),
    st.tuples(st.just("die"), st.integers(0, 20)),
)


@given(st.integers(0, 2**31), st.lists(STEPS, min_size=4, max_size=16))
@settings(max_examples=60, deadline=None)
def test_whatever_dies_and_is_promoted_in_between_a_message_is_scored_alike_each_time(
    toy: Trained, models: dict[str, RiskModel], seed: int, steps: list[Step]
) -> None:
    life = Life(toy, models, log_of(toy, 24 * 10, seed))
    for name, number in steps:
        getattr(life, name)(number)
    # One worker that was told beforehand who scores what, and never died, says the same.
    undisturbed = opened(toy, life.pool, life.assignments)
    for message in life.log[: life.committed]:
        assert list(undisturbed.process([message])) == life.said[message.offset]
