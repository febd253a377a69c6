from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import ModelError
from models.features.schema import FeatureSchema
from models.fleet.fleet import load_fleet
from tests.support.toy_fleet import fleet_of

FLEETS = sorted((Path(__file__).parents[3] / "fleets").glob("*.toml"))


def test_patterns_choose_features_in_the_order_of_the_vector() -> None:
    schema = FeatureSchema(fleet_of())
    chosen = schema.matching(("s1.*", "s0.*.mean"))
    assert sorted(chosen.tolist()) == chosen.tolist()
    assert {schema.names[i].partition(".")[0] for i in chosen} == {"s0", "s1"}


def test_a_pattern_that_no_feature_matches_is_refused_by_name() -> None:
    """A misspelt window would silently leave its features out."""
    with pytest.raises(
        ModelError, match=r"feature pattern 's0\.24h\.mean': no feature of toy has such a name"
    ):
        FeatureSchema(fleet_of()).matching(("s1.*", "s0.24h.mean"))


@pytest.mark.parametrize("path", FLEETS, ids=lambda p: p.stem)
def test_every_pattern_of_the_fleets_that_come_along_finds_features(path: Path) -> None:
    fleet = load_fleet(path)
    assert len(FeatureSchema(fleet).matching(fleet.training.features))
