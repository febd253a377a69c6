"""What a bundle brings along beside its model: the features that it was trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.registry.bundle import write_bundle
from models.registry.manifest import load_features
from tests.support.hazard_model import fitted
from tests.support.toy_model import fleet


def brought(folder: Path, own: Fleet) -> Fleet:
    """Return the fleet file by which a worker computes the features of a bundle with one sensor more."""
    sensors = (replace(fleet().sensors[0], key="extra", label="extra"), *fleet().sensors)
    trained_by = replace(fleet(), sensors=sensors, inventory=("toy1",), max_assets=3)
    model = replace(fitted(), fingerprint=FeatureSchema(trained_by).fingerprint)
    write_bundle(folder / "b", model, None, fleet=trained_by, metrics={}, lineage={})
    return load_features(folder / "b", own)[0]


def test_who_may_send_is_said_by_a_workers_own_fleet_file_whatever_a_bundle_brings(tmp_path: Path) -> None:
    own = replace(
        fleet(),
        asset_pattern="toy[0-9]+",
        inventory=("toy1", "toy2"),
        max_assets=70,
        max_new_assets_per_hour=7,
        sampling=replace(fleet().sampling, max_future_s=77),
    )
    found = brought(tmp_path, own)
    assert found.keys == ("extra", *own.keys)
    assert (found.asset_pattern, found.inventory) == (own.asset_pattern, own.inventory)
    assert (found.max_assets, found.max_new_assets_per_hour) == (70, 7)
    assert found.sampling == own.sampling


def test_without_limits_of_its_own_a_worker_takes_none_of_a_bundle(tmp_path: Path) -> None:
    assert brought(tmp_path, fleet()).inventory == ()
