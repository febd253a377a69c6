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
from models.features.kernel import Windows
from models.fleet.fleet import Fleet, parse_fleet
from models.telemetry.samples import Samples
from streams.kafka.topics import Topics
from streams.records import Sample, Watermark
from streams.stage import Incoming, Outgoing, Stage
from streams.stages.features import FeatureStage
from streams.wire import codec

TOPICS = Topics()
MINUTE = 60_000
START = 1_700_000_000_000 // 3_600_000 * 3_600_000


def fleet() -> Fleet:
    return parse_fleet(
        {
            "name": "toy",
            "asset": "toy",
            "asset_pattern": "a[0-9]",
            "outcome": "stop",
            "horizons_d": [1.0],
            "sampling": {
                "period_s": 600,
                "hop_s": 3600,
                "windows_s": [3600, 14400, 86400],
                "lateness_s": 5400,
            },
            "alerting": {"horizon_d": 1.0},
            "sensors": [
                {
                    "key": f"s{i}",
                    "label": f"s{i}",
                    "unit": "degC",
                    "low": -50.0,
                    "high": 150.0,
                    "stuck_s": 7200,
                    "max_per_minute": 0.6,
                }
                for i in range(3)
            ],
        },
        "toy",
    )


def telemetry(seed: int, hours: int) -> list[Incoming]:
    """Blocks of three assets with noise, gaps, late samples, duplicates, a unit swap and a long silence.

    Some name assets that have no row.
    """
    rng, out, owner = np.random.default_rng(seed), list[Outgoing](), fleet()
    for step in range(hours * 2):
        for name in ("a1", "a2", "a3"):
            if rng.random() < 0.15 or (name == "a3" and hours // 2 < step < hours + 40):
                continue
            minutes = step * 30 + rng.integers(-90, 30, 4)
            values = rng.normal(20, 2, (4, 3)).astype(np.float32)
            values[rng.random((4, 3)) < 0.05] = rng.choice([np.nan, 302.0])
            names = (name, "a4", "a5", "a6", "a7") if rng.random() < 0.1 else (name,)
            samples = Samples(names, np.zeros(4, np.int32), START + minutes * MINUTE, values)
            out.append(codec.block(TOPICS.telemetry, samples, owner.schema))
        if rng.random() < 0.3:
            out.append(codec.watermark(TOPICS.telemetry, Watermark(START + step * 30 * MINUTE)))
    out.append(codec.watermark(TOPICS.telemetry, Watermark(START + (hours + 2) * 60 * MINUTE, end=True)))
    return [Incoming(o.topic, 0, i, o.key, o.value, o.content_type) for i, o in enumerate(out)]


def said(stage: Stage, inputs: Sequence[Incoming]) -> list[Outgoing]:
    return [out for message in inputs for out in stage.process([message])]


def named(seed: int, hours: int) -> list[Incoming]:
    """Single samples: gaps, late ones, doubles, strangers, and hours in which one asset speaks alone."""
    rng, out = np.random.default_rng(seed), list[Outgoing]()
    for step in range(hours * 6):
        for name in ("a1",) if hours < step < hours * 4 else ("a1", "a2", "a3"):
            late = int(rng.choice([1, 2, 12])) if rng.random() < 0.05 else 0
            sample = Sample(asset=name, time=START + (step - late) * 10 * MINUTE, values=readings(rng))
            if rng.random() < 0.9:
                out += [codec.sample(TOPICS.telemetry, sample)] * (2 if rng.random() < 0.05 else 1)
        if rng.random() < 0.05:
            out.append(codec.watermark(TOPICS.telemetry, Watermark(START + (step + 3) * 10 * MINUTE)))
    return [Incoming(o.topic, 0, i, o.key, o.value, o.content_type) for i, o in enumerate(out)]


def readings(rng: np.random.Generator) -> dict[str, float | None]:
    values: dict[str, float | None] = {f"s{i}": float(v) for i, v in enumerate(rng.normal(20, 2, 3))}
    if rng.random() < 0.05:
        values["s1"] = float(rng.choice([302.0, 68.0, 1e39, 100.0]))
    return {"stranger": 1.0} if rng.random() < 0.02 else values


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


def test_a_head_of_another_form_is_refused_by_what_was_expected() -> None:
    with pytest.raises(StateError, match="not a Head"):
        FeatureStage(fleet(), TOPICS, 1).restore(b"ha1", b"\x93\x01\x02\x03")
