from __future__ import annotations

import numpy as np
import pytest

from models.features.evidence import Evidence, seen_columns
from models.features.schema import FeatureSchema
from models.telemetry.samples import Float32
from tests.support.toy_fleet import fleet_of
from tests.support.watched_fleet import watched

SCHEMA = FeatureSchema(watched())


def weighed(schema: FeatureSchema, **gains: float) -> Evidence:
    """Weigh features, whose dots are written as two underscores."""
    out = np.zeros(len(schema))
    for name, gain in gains.items():
        out[schema.names.index(name.replace("__", "."))] = gain
    return Evidence.from_gains(schema, out)


def seen(schema: FeatureSchema, *points: str, window: str | None = None) -> Float32:
    """Return a window in which these points have a value, in one of the windows or in all."""
    out = np.full((1, len(schema)), np.nan, np.float32)
    for i, name in enumerate(schema.names):
        key, found, _ = name.split(".")
        out[0, i] = 1.0 if key in points and window in (None, found) else np.nan
    return out


def share(evidence: Evidence, vector: Float32) -> float:
    return round(float(evidence.of(vector)[0]), 4)


def test_a_score_stands_on_the_share_of_the_gains_whose_points_have_a_value() -> None:
    schema = FeatureSchema(fleet_of(sensors=4))
    evidence = weighed(schema, s0__4m__mean=5.0, s1__12m__missing=3.0, s2__4m__sd=2.0)
    assert share(evidence, seen(schema, "s0", "s1", "s2", "s3")) == 1.0
    assert share(evidence, seen(schema, "s0", "s2")) == 0.7
    assert share(evidence, seen(schema, "s3")) == 0.0


def test_a_residual_stands_on_its_drivers_too_and_on_what_tells_that_the_machine_runs() -> None:
    evidence = weighed(SCHEMA, s0_residual__20m__mean=1.0)
    assert share(evidence, seen(SCHEMA, "s0", "s1", "s2")) == 1.0
    for missing in (("s0", "s1"), ("s0", "s2"), ("s1", "s2")):
        assert share(evidence, seen(SCHEMA, *missing)) == 0.0


def test_what_many_residuals_tell_counts_part_by_part() -> None:
    evidence = weighed(SCHEMA, strongest_residual__20m__mean=3.0)
    assert share(evidence, seen(SCHEMA, "s0", "s1", "s2")) == pytest.approx(1 / 3, abs=1e-4)
    of_leak = weighed(SCHEMA, a_leak_index__1000m__mean=2.0)
    assert share(of_leak, seen(SCHEMA, "s0", "s1", "s2")) == 0.5
    assert share(of_leak, seen(SCHEMA, "s0", "s1", "s2", "gap")) == 1.0


def test_a_margin_without_an_expectation_stands_on_its_point_alone() -> None:
    evidence = weighed(SCHEMA, ratio_margin__1000m__max=1.0)
    assert share(evidence, seen(SCHEMA, "ratio")) == 1.0


def test_a_long_feature_needs_a_value_in_the_longest_window_and_a_short_one_within_a_day() -> None:
    schema = FeatureSchema(fleet_of(sensors=1, windows_s=(960, 86_400, 604_800)))
    evidence = weighed(schema, s0__16m__mean=1.0, s0__1d__mean=1.0, s0__7d__mean=2.0)
    assert share(evidence, seen(schema, "s0", window="7d")) == 0.5
    assert share(evidence, seen(schema, "s0", window="1d")) == 0.5


def test_every_feature_of_a_fleet_that_asks_for_all_there_is_can_be_weighed() -> None:
    evidence = Evidence.from_gains(SCHEMA, np.ones(len(SCHEMA)))
    keys = SCHEMA.fleet.point_keys
    assert share(evidence, seen(SCHEMA, *keys)) == 1.0
    shares = [share(evidence, seen(SCHEMA, *keys[:n])) for n in range(len(keys) + 1)]
    assert shares == sorted(shares)
    assert shares[0] == 0.0


def test_the_evidence_of_a_window_does_not_depend_on_those_beside_it() -> None:
    rng = np.random.default_rng(1)
    evidence = Evidence.from_gains(SCHEMA, rng.random(len(SCHEMA)))
    values = np.where(rng.random((400, len(SCHEMA))) < 0.3, np.nan, 1.0).astype(np.float32)
    alone = np.concatenate([evidence.of(values[i : i + 1]) for i in range(400)])
    assert alone.tobytes() == evidence.of(values).tobytes()
    assert len(set(alone.tolist())) > 20


def test_only_what_tells_that_points_were_seen_is_looked_at() -> None:
    named = {SCHEMA.names[i] for i in seen_columns(SCHEMA)}
    assert named == {f"{key}.1000m.mean" for key in SCHEMA.fleet.point_keys}
