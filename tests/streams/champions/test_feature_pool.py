"""Which features may be computed, and whether it is known who asks for them."""

from __future__ import annotations

import gc
import shutil
import weakref
from dataclasses import replace

import pytest

from models.features.schema import FeatureSchema
from models.registry.promotion import CHALLENGER, CHAMPION
from tests.support.promoted_bundles import Home
from tests.support.toy_model import Trained, fleet, trained


@pytest.fixture(scope="module")
def toy() -> Trained:
    return trained(fleet())


def grown(home: Home, version: str) -> str:
    """Write a bundle with one sensor more; return the fingerprint of its features."""
    extra = replace(home.toy.fleet.sensors[0], key="extra", label="extra")
    other = replace(home.toy.fleet, sensors=(*home.toy.fleet.sensors, extra))
    found = FeatureSchema(other).fingerprint
    home.write(version, replace(home.toy.model, fingerprint=found), other)
    return found


def test_a_partition_of_which_nothing_is_recorded_begins_with_the_features_of_the_present_champion(
    home: Home,
) -> None:
    pool = home.features()
    assert pool.first().version == "1"
    fingerprint = grown(home, "2")
    pool.consider(home.promote("2"))
    assert (pool.first().version, pool.first().fingerprint) == ("2", fingerprint)


def test_features_of_a_few_versions_are_kept_and_the_fleet_files_of_all(home: Home) -> None:
    pool, seen = home.features(), []
    grown(home, "2")
    pool.consider(home.promote("2"))
    began = pool.first().begins(0, 0)
    for version in map(str, range(3, 12)):
        home.write(version, home.toy.model)
        pool.consider(home.promote(version))
        seen.append(weakref.ref(pool.first()))
    other = pool.fleet_of(began)
    assert other.keys[-1] == "extra"
    gc.collect()
    assert sum(one() is not None for one in seen) <= 4
    shutil.rmtree(home.folder / "2")
    assert pool.fleet_of(began) is other


def test_it_is_known_from_the_start_who_has_a_role_and_that_nobody_has(home: Home) -> None:
    pool = home.features()
    assert (pool.is_known(CHAMPION), pool.is_known(CHALLENGER)) == (True, True)
    assert pool.promoted(CHALLENGER) is None
    grown(home, "2")
    home.promote("2", CHALLENGER)
    found = home.features().promoted(CHALLENGER)
    assert found is not None
    assert found.version == "2"


def test_who_is_refused_is_not_known_until_its_bundle_is_back_or_another_is_promoted(home: Home) -> None:
    grown(home, "2")
    second = home.promote("2", CHALLENGER)
    aside = shutil.move(home.folder / "2", home.folder / "aside")
    pool = home.features()
    assert not pool.is_known(CHALLENGER)
    assert "challenger 2: its features are not computed" in home.alarms[0]
    shutil.move(aside, home.folder / "2")
    home.now_s += 61
    pool.consider(second)
    assert pool.is_known(CHALLENGER)
    home.write("3", home.toy.model)
    third = home.promote("3")
    shutil.rmtree(home.folder / "3")
    pool.consider(third)
    assert not pool.is_known(CHAMPION)
    assert pool.first().version == "1"
    pool.consider(home.promote("1"))
    assert pool.is_known(CHAMPION)


def test_a_pointer_that_cannot_be_read_says_nothing(home: Home) -> None:
    (home.folder / "challenger.json").write_text("{")
    assert not home.features().is_known(CHALLENGER)
    assert "challenger.json: not a promotion" in home.alarms[0]


def test_a_champion_whose_bundle_is_gone_leaves_the_features_of_the_one_before(home: Home) -> None:
    grown(home, "2")
    home.promote("2")
    shutil.rmtree(home.folder / "2")
    pool = home.features()
    assert (pool.first().version, pool.is_known(CHAMPION)) == ("1", False)
