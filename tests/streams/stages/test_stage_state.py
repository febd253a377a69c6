"""What the first stage says does not depend on how its input is cut; what it saves is what changed."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import StateError
from models.event_time import DAY_MS
from models.features.kernel import Windows
from models.telemetry.samples import Samples
from streams.stage import Incoming, Outgoing, Stage
from streams.stages.features import FeatureStage
from streams.state.snapshots import Snapshots
from streams.wire import codec
from tests.support.feature_telemetry import TOPICS, fleet, named, telemetry
from tests.support.toy_fleet import fleet_of


def said(stage: Stage, inputs: Sequence[Incoming]) -> list[Outgoing]:
    return [out for message in inputs for out in stage.process([message])]


def loosely(outputs: Sequence[Outgoing], stage: FeatureStage) -> dict[str, object]:
    """Return what was said on each topic; in no order, but on features the windows from mark to mark."""
    features: list[list[Any]] = [[]]
    others: dict[str, list[str]] = defaultdict(list)
    for out in outputs:
        if out.content_type == codec.WINDOWS:
            record = codec.decode_features(out.value, out.content_type, stage.kernel.schema.fingerprint)
            assert isinstance(record, Windows)
            rows = zip(record.asset.tolist(), record.end_ms.tolist(), record.revision.tolist(), strict=True)
            features[-1] += [
                (record.assets[a], end, revision, record.values[i].tobytes())
                for i, (a, end, revision) in enumerate(rows)
            ]
        elif out.topic == TOPICS.features:
            features += [[out], []]
        else:
            others[out.topic].append(repr(out))
    said = {topic: sorted(found) for topic, found in others.items()}
    return {**said, TOPICS.features: [sorted(part) if len(part) > 1 else part for part in features]}


@given(
    st.sampled_from([telemetry, named]),
    st.integers(0, 2**31),
    st.integers(5, 40),
    st.lists(st.integers(1, 60), min_size=1, max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_what_is_said_does_not_depend_on_how_messages_are_cut_into_batches(
    source: Callable[[int, int], list[Incoming]], seed: int, hours: int, sizes: list[int]
) -> None:
    inputs, one_by_one, batched = source(seed, hours), *(FeatureStage(fleet(), TOPICS, 1) for _ in range(2))
    alone = said(one_by_one, inputs)
    rest, size, together = list(inputs), itertools.cycle(sizes), list[Outgoing]()
    while rest:
        cut = next(size)
        together += batched.process(rest[:cut])
        rest = rest[cut:]
    assert loosely(together, batched) == loosely(alone, one_by_one)
    assert dict(batched.delta()) == dict(one_by_one.delta())


def test_only_what_changed_is_written_again() -> None:
    stage, inputs = FeatureStage(fleet(), TOPICS, 1), telemetry(1, 60)
    said(stage, inputs[:-1])
    assert {key[:1] for key, _ in stage.delta()} == {b"h", b"k", b"p", b"c"}
    assert [key for key, _ in stage.delta()] == [b"c"]


def test_what_is_wrong_with_many_machines_is_saved_in_records_that_a_broker_takes() -> None:
    crowd, n = fleet_of(sensors=18), 4000
    stage, names = FeatureStage(crowd, TOPICS, 1), tuple(f"machine-{i:06d}" for i in range(n))
    times, values = np.full(n, 20_000 * DAY_MS), np.full((n, 18), 9999.0, np.float32)
    block = codec.block(
        "telemetry", Samples(names, np.arange(n, dtype=np.int32), times, values), crowd.schema
    )
    said(stage, [Incoming("telemetry", 0, 0, block.key, block.value, block.content_type)])
    saved = list(Snapshots("state", stage.identity).write(stage.delta(), 1))
    assert max(len(record.value) for record in saved) < 1_000_000
    found, successor = Snapshots("state", stage.identity), FeatureStage(crowd, TOPICS, 1)
    for record in saved:
        found.read(Incoming("state", 0, 0, record.key, record.value, ""), successor)
    found.complete(successor)
    assert found.verify() is not None
    assert len(successor.reports.quality.wrong) == 18 * n
    assert successor.reports.saved() == stage.reports.saved()


def test_a_head_of_another_form_is_refused_by_what_was_expected() -> None:
    with pytest.raises(StateError, match="not a Head"):
        FeatureStage(fleet(), TOPICS, 1).restore(b"ha1", b"\x93\x01\x02\x03")
