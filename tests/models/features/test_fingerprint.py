"""Each key of a fleet file either changes the fingerprint, or no feature.

The keys are found in a fleet that gives every one of them, so that one which is added later is looked at too.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec
import numpy as np
import pytest

from models.errors import ConfigError, ModelError
from models.features.expectation import Expectation, Surface, identity_of
from models.features.kernel import Kernel
from models.features.schema import FeatureSchema
from models.fleet import fleet as fleet_module
from models.fleet.fleet import Fleet, parse_fleet
from models.fleet.points import MachinePoint
from models.fleet.recording import Recording
from models.fleet.telemetry import Telemetry
from models.telemetry.samples import Samples
from tests.support.collected import collect

FULL: dict[str, Any] = {
    "name": "toy",
    "asset": "toy",
    "asset_pattern": "m.*",
    "outcome": "stop",
    "horizons_d": [1.0, 3.0],
    "max_assets": 9,
    "max_new_assets_per_hour": 3,
    "inventory": ["ma_x", "mb_x"],
    "sampling": {
        "period_s": 60,
        "hop_s": 240,
        "windows_s": [240, 720, 1920],
        "long_windows_s": [960, 14_400],
        "running_windows_s": [12_000],
        "lateness_s": 1200,
        "silent_s": 9,
        "max_future_s": 60,
    },
    "alerting": {
        "horizon_d": 1.0,
        "raise_count": 2,
        "every_s": 480,
        "continues_d": 7.0,
        "least_evidence": 0.2,
        "of": 5,
        "clear_ratio": 0.4,
        "clear_d": 1.5,
        "cooldown_d": 1.0,
        "false_alarms_per_asset_year": 2.0,
        "daily_share": 0.1,
        "case_d": 9.0,
        "confirmed_by": ["repair"],
        "budget_of": "all",
    },
    "sensors": [
        {
            "key": f"s{i}",
            "label": f"sensor {i}",
            "unit": "K",
            "low": -5.0,
            "high": 5.0,
            "brick": "Sensor",
            **({"stuck_s": 600} if i < 3 else {}),
            "max_per_minute": 9.0,
            "resolution": 0.5,
            "state": "it was on",
            **({"hold_s": 120} if i == 3 else {}),
        }
        for i in range(4)
    ]
    + [
        {"key": key, "label": key, "unit": "K", "low": -5.0, "high": 5.0, **keys}
        for key, keys in (
            ("s4", {"kind": "counter", "wrap_at": 5.0, "max_per_minute": 0.2}),
            ("s5", {"kind": "state", "states": {"cold": 0, "warm": 2}}),
            ("s6", {"kind": "event"}),
        )
    ],
    "derived": [
        {
            "key": f"d{i}",
            "label": "difference",
            "unit": "K",
            "low": -4.0,
            "high": 4.0,
            "brick": "Sensor",
            "resolution": 0.5,
            "state": "it was on",
            "formula": f"s{i} * s1",
        }
        for i in (0, 2)
    ],
    "training": {
        "features": ["s0.*", "s1.*"],
        "rounds": 10,
        "early_stopping": 5,
        "censor": ["maintenance"],
        "stride_s": 480,
        "downtime_s": 3600,
        "calibration_share": 0.5,
        "calibration_folds": 2,
        "pretrained": "chiller",
        "negatives_per_positive": 3,
        "cause_outcomes": 2,
        "cause_rounds": 7,
        "parameters": {"num_leaves": 4},
        "rule": ["s0", "s1"],
    },
    "advice": [{"fault": "leak", "sensors": ["s0"], "check": "look", "falls": ["s1"], "codes": ["low"]}],
    "running": {"sensor": "s1", "above": -2.0},
    "expectation": [{"drivers": ["s1"], "sensors": ["s0", "s2"], "relative": True}],
    "rules": [
        {"sensor": "s0", "warn": 1.0, "trip": 2.0},
        {"sensor": "s2", "warn": 0.8, "trip": 0.5, "relative": True},
    ],
    "telemetry": {"form": "influx"},
    "recording": {
        "asset": "machine",
        "time": "when",
        "timezone": "Europe/Berlin",
        "columns": {"s0": {"column": "a", "scale": 2.0, "offset": 1.0, "nulls": [-99.0]}},
        "inventory": {"site": "place"},
        "events": [{"column": "state", "equals": 1, "kind": "restart", "code": "on", "after_s": 60}],
    },
}
PLAIN = {key: value for key, value in FULL.items() if key != "expectation"}
PLAIN["rules"] = FULL["rules"][:1]  # a relative rule needs an expectation
# What a number means is part of the vector's identity, although no number changes with it.
MEANING = {"sensors.unit", "derived.unit"}
EXPECTED = Expectation(
    sensors=("s0", "s2"),
    surfaces=(
        Surface(
            drivers=("s1",),
            sensors=("s0", "s2"),
            centre=(0.0,),
            scale=(2.0,),
            coefficients=((0.1, 0.2), (0.3, 0.4), (0.5, 0.6)),
        ),
    ),
    sigma=(1.0, 2.0),
    offsets={"ma": (0.1, 0.2)},
    levels={"ma": (1.5, 0.5), "mb": (0.5, 2.0)},
)
Found = dict[tuple[str, int], bytes] | str


def telemetry() -> list[Samples]:
    """Return three parts: two hours of two machines; what comes late for them, by 6 to 80 minutes; the rest.

    Every sensor swings beyond its limits, and half of the periods hold two samples.
    """
    rng = np.random.default_rng(1)
    time_ms = np.sort(rng.choice(np.arange(0, 200 * 60, 10), 500, replace=False)) * 1000
    angle = time_ms[:, None] / 400_000 + np.arange(4)
    values = (7 * np.sin(angle) + rng.normal(0, 0.5, angle.shape)).astype(np.float32)
    kinds = 7 * np.sin(time_ms[:, None] / 900_000 + np.arange(3)).astype(np.float32)
    kinds[:, 0] = time_ms / 600_000 % 5  # a counter that wraps
    values = np.concatenate([values, kinds], axis=1)
    whole = Samples(("ma", "mb"), rng.integers(0, 2, 500).astype(np.int32), time_ms, values)
    early, held = time_ms < 120 * 60_000, rng.random(500) < 0.2
    late = held & (time_ms > 40 * 60_000)
    parts = [early & ~late, early & late, ~early]
    return [whole.take(np.flatnonzero(rows)) for rows in parts]


TELEMETRY = telemetry()


def features(fleet: Fleet) -> tuple[tuple[str, ...], Found]:
    """Return names and, by machine and end, every revision of the vectors; or why there are none."""
    expectation = EXPECTED if fleet.expectation else None
    try:
        kernel = Kernel(fleet, expectation)
    except ModelError as error:
        return (), str(error)
    state, found = kernel.start(), dict[tuple[str, int], bytes]()
    for part in TELEMETRY:
        narrow = Samples(part.assets, part.asset, part.time_ms, part.values[:, : kernel.sensors])
        collect(found, kernel.step(state, narrow)[0])
    collect(found, kernel.close(state, 10**9)[0])
    return kernel.schema.names, found


def fingerprint_of(fleet: Fleet) -> str:
    return FeatureSchema(fleet, identity_of(EXPECTED if fleet.expectation else None)).fingerprint


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where something stands that can be changed or taken away: in tables and arrays, and as a leaf."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from places(below, (*path, key))


def named(path: tuple[Any, ...]) -> str:
    """Return the key in the fleet file, without the places in its arrays."""
    return ".".join(key for key in path if isinstance(key, str))


def others(value: Any) -> list[Any]:
    """Return other values than the one given, of which the fleet file may refuse some."""
    if isinstance(value, str):
        return [f"{value}_x", "s0", "s1", "s3"]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, (int, float)):
        return [type(value)(x) for x in (value * 2, value / 2, value + 1, value - 1, value * 3, -value, 0)]
    return []


def without(raw: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    changed = copy.deepcopy(raw)
    del holder(changed, path)[path[-1]]
    return changed


def holder(raw: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        raw = raw[key]
    return raw


def changed(raw: dict[str, Any], key: str) -> Iterator[tuple[str, Fleet]]:
    """Yield every fleet in which something else, or nothing, stands at ``key``, as far as that is allowed."""
    for path in (p for p in places(raw) if named(p) == key):
        value, variants = holder(raw, path)[path[-1]], [without(raw, path)]
        for other in (o for o in others(value) if o != value):
            variants.append(copy.deepcopy(raw))
            holder(variants[-1], path)[path[-1]] = other
        for variant in variants:
            try:
                yield f"{path}: {variant}", parse_fleet(variant, "toy.toml")
            except ConfigError:
                continue


def keys(raw: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(named(path) for path in places(raw)))


@pytest.mark.parametrize("raw", [FULL, PLAIN], ids=["residuals", "plain"])
@pytest.mark.parametrize("key", keys(FULL))
def test_a_key_changes_the_fingerprint_exactly_if_it_can_change_a_feature(
    raw: dict[str, Any], key: str
) -> None:
    plain = parse_fleet(raw, "toy.toml")
    print_, vectors = fingerprint_of(plain), features(plain)
    tried = [(what, fingerprint_of(f) != print_, features(f) != vectors) for what, f in changed(raw, key)]
    assert [what for what, prints, differs in tried if differs and not prints] == []
    if key not in MEANING and not any(differs for _, _, differs in tried):
        assert [what for what, prints, _ in tried if prints] == []


def test_every_key_can_be_changed() -> None:
    """Otherwise the test above would say nothing of it."""
    leaves = [named(path) for path in places(FULL) if others(holder(FULL, path)[path[-1]])]
    assert [key for key in dict.fromkeys(leaves) if not list(changed(FULL, key))] == []


def test_the_units_are_part_of_the_fingerprint() -> None:
    plain = parse_fleet(FULL, "toy.toml")
    for key in MEANING:
        assert {fingerprint_of(f) for _, f in changed(FULL, key)}.isdisjoint({fingerprint_of(plain)})


def tables() -> list[Any]:
    return [
        kind
        for kind in vars(fleet_module).values()
        if isinstance(kind, type) and is_dataclass(kind) and kind not in (MachinePoint, Recording, Telemetry)
    ]


def test_the_fleet_of_this_test_gives_every_key_there_is() -> None:
    """A key that is added later has to be given above, other than its default."""
    there, full = set[tuple[str, str]](), parse_fleet(FULL, "toy.toml")

    def see(value: Any) -> None:
        if is_dataclass(value):
            for field in fields(value):
                below = getattr(value, field.name)
                if below != field.default:
                    there.add((type(value).__name__, field.name))
                see(below)
        for below in value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ():
            see(below)

    see(full)
    known = {(kind.__name__, field.name) for kind in tables() for field in fields(kind)}
    assert ("Sensor", "stuck_s") in known
    assert known - there == set()


def test_what_is_at_its_default_might_as_well_not_be_said() -> None:
    """A key that is added later, with a default, refuses no bundle that was trained before."""
    said = copy.deepcopy(PLAIN)
    said["sampling"]["lateness_s"] = 0
    assert fingerprint_of(parse_fleet(said, "a")) == fingerprint_of(
        parse_fleet(without(said, ("sampling", "lateness_s")), "b")
    )


def test_the_identity_of_the_expectation_is_part_of_the_fingerprint() -> None:
    fleet = parse_fleet(FULL, "toy.toml")
    other = msgspec.structs.replace(EXPECTED, sigma=(1.0, 3.0))
    prints = {FeatureSchema(fleet, identity_of(e)).fingerprint for e in (EXPECTED, other)}
    assert len(prints) == 2
    assert all(re.fullmatch("[0-9a-f]{16}", p) for p in prints)
