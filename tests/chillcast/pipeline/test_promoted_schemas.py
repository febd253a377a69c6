"""Windows are known by the bundles that are here; what cannot be read is away, and not unknown."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from chillcast.pipeline.promoted_schemas import schema_of
from models.errors import UnavailableError
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.registry.bundle import write_bundle
from models.registry.manifest import BOOSTER
from tests.support.toy_model import fleet, trained

UNKNOWN = "0" * 16


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Fleet, str]:
    """A folder with the bundle of a fleet of other features, and that fleet's fingerprint."""
    folder = tmp_path_factory.mktemp("bundles")
    extra = replace(fleet().sensors[0], key="extra", label="extra")
    other = replace(fleet(), sensors=(*fleet().sensors, extra))
    fingerprint = FeatureSchema(other).fingerprint
    model = replace(trained(fleet()).model, fingerprint=fingerprint)
    write_bundle(folder / "1", model, None, fleet=other, metrics={}, lineage={})
    return folder, other, fingerprint


@pytest.fixture
def bundles(kept: tuple[Path, Fleet, str], tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept[0], tmp_path / "bundles"))


def test_the_features_of_a_bundle_are_found_beside_those_of_the_fleet(
    kept: tuple[Path, Fleet, str], bundles: Path
) -> None:
    for fingerprint in (kept[2], FeatureSchema(fleet()).fingerprint):
        found = schema_of(fingerprint, fleet(), bundles)
        assert found is not None
        assert found[0].fingerprint == fingerprint


def test_features_that_no_bundle_has_are_unknown(bundles: Path) -> None:
    (bundles / "2.partial").mkdir()
    (bundles / "2.partial" / "manifest.json").write_text("{")
    assert schema_of(UNKNOWN, fleet(), bundles) is None


@pytest.mark.parametrize("file", ["manifest.json", BOOSTER])
def test_as_long_as_a_bundle_cannot_be_read_nothing_is_unknown(bundles: Path, file: str) -> None:
    (bundles / "1" / file).unlink()
    (bundles / "1" / file).mkdir()  # which cannot be read as a file
    with pytest.raises(UnavailableError, match=str(bundles)):
        schema_of(UNKNOWN, fleet(), bundles)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_folder_without_bundles_is_a_volume_that_is_away(tmp_path: Path, *, is_there: bool) -> None:
    bundles = tmp_path / "bundles"
    if is_there:
        bundles.mkdir()
    with pytest.raises(UnavailableError, match=str(bundles)):
        schema_of(UNKNOWN, fleet(), bundles)
