"""The contract of all that is saved and given back: it goes on, to the bit, as if it had never stopped.

Whenever what it remembers is frozen, however slowly it is written, and wherever that is broken off.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import random
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, cast

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import models
import streams
from streams.stage import Incoming, Outgoing, Remembering
from streams.state.alternating import AlternatingSnapshots
from streams.state.snapshots import POSITION, Snapshots
from tests.support.restorables import RESTORABLES, ByAsset, Restorable, World


class Life:
    """One after the other of a kind, in one world, with one topic for what they remember.

    What they remember is frozen at some moment, written little by little while they go on, and counts when
    the last of it is. If ``way`` is to write as one act, what is not complete is never seen.
    """

    def __init__(self, world: World, seed: int, way: type[Snapshots]) -> None:
        self.world, self.random, self.way = world, random.Random(seed), way
        self.topic: list[Outgoing] = []
        self.past: list[Any] = []
        self.unrest = self.random.choice([0.03, 0.3, 1.0])
        self.frozen = 0
        self.sent: list[Outgoing] = []
        self.writing: Iterator[Outgoing] | None = None
        self._bear()

    def meet_fate(self) -> None:
        """Perhaps freeze what changed, write a little of it, or all, or die, or each of these."""
        if self.random.random() < self.unrest:
            self.random.choice([self.freeze, self.write, self.write, self.commit, self.die, self.stop])()

    def act(self, step: Any) -> str:
        """Return all that comes of a step, to the bit: the repr of a float is the float."""
        self.past.append(step)
        return repr(self.one.act(step))

    def freeze(self) -> None:
        """Begin to write what changed."""
        if self.writing is None and self.frozen < len(self.past):
            self.frozen = len(self.past)
            self.writing = self.snapshots.write(self.one.delta(), self.frozen)

    def write(self, at_most: int | None = None) -> None:
        """Write a few records, or all of them."""
        few = self.random.randrange(6) if at_most is None else at_most
        for record in itertools.islice(self.writing or (), few):
            self.sent.append(record)
            if self.way is not Snapshots or record.key == POSITION:
                self.topic += self.sent
                self.sent.clear()
            if record.key == POSITION:
                self.writing = None

    def commit(self) -> None:
        """Write the rest of what was frozen."""
        self.write(1 << 30)

    def die(self) -> None:
        """Lose the one; another is given what was saved, and sees silently what came since."""
        self._bear()
        for step in self.past[self.frozen :]:
            self.one.act(step)

    def stop(self) -> None:
        """Save, and let another go on."""
        self.commit()
        self.freeze()
        self.commit()
        self.die()

    def _bear(self) -> None:
        self.writing = None
        self.sent.clear()
        self.one, self.snapshots = self.world.born(), self.way("state", "one")
        self.topic = compacted(self.topic, self.random)
        stage = cast(Remembering, self.one)
        for i, record in enumerate(self.topic):
            self.snapshots.read(Incoming("state", 0, i, record.key, record.value, ""), stage)
        self.snapshots.complete(stage)
        position = self.snapshots.verify()
        self.frozen = position.offset if position else 0
        if position is not None:
            self.one.restored()


def compacted(topic: Sequence[Outgoing], chance: random.Random) -> list[Outgoing]:
    """Return what compaction left: of each key the last version, and of the older ones some or none."""
    last = {record.key: i for i, record in enumerate(topic)}
    share = chance.choice([0.0, 0.5, 1.0])
    left = [r for i, r in enumerate(topic) if last[r.key] == i or chance.random() < share]
    if share == 0.0:
        chance.shuffle(left)
    return left


@pytest.mark.parametrize("kind", RESTORABLES, ids=lambda kind: kind.name)
@given(st.data())
@settings(max_examples=30, deadline=None, phases=[Phase.reuse, Phase.generate])  # to shrink takes minutes
def test_whatever_is_given_back_goes_on_to_the_bit_as_if_it_had_never_stopped(
    kind: Restorable, data: st.DataObject
) -> None:
    steps, way = data.draw(kind.steps), data.draw(st.sampled_from([Snapshots, AlternatingSnapshots]))
    undisturbed, life = kind.world().born(), Life(kind.world(), data.draw(st.integers(0, 2**31)), way)
    for i, step in enumerate(steps):
        life.meet_fate()
        assert life.act(step) == repr(undisturbed.act(step)), f"step {i}: {step}"


@pytest.mark.parametrize("kind", [k for k in RESTORABLES if k.by_asset], ids=lambda kind: kind.name)
@given(st.data())
@settings(max_examples=30, deadline=None, phases=[Phase.reuse, Phase.generate])
def test_an_asset_that_is_remembered_otherwise_than_before_is_marked(
    kind: Restorable, data: st.DataObject
) -> None:
    steps, one = data.draw(kind.steps), cast(ByAsset, kind.world().born())
    known = dict(one.memory())
    for step in steps:
        one.act(step)
        before, known = known, dict(one.memory())
        assert {asset for asset in known if known[asset] != before[asset]} <= one.part.changed
        one.part.changed.clear()


def modules_of(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def test_the_contract_covers_every_class_that_can_be_given_back_what_it_remembered() -> None:
    named = {"delta", "remember", "restore"}
    found = {
        one
        for package in (models, streams)
        for module in modules_of(package)
        for _, one in inspect.getmembers(module, inspect.isclass)
        if one.__module__ == module.__name__ and named & vars(one).keys()
    }
    proven = {kind for restorable in RESTORABLES for kind in restorable.kinds}
    protocols = {one for one in found if getattr(one, "_is_protocol", False)}
    assert found - protocols == {one for one in proven if named & vars(one).keys()}
