"""Kinds of values: what each takes, and what it refuses."""

from __future__ import annotations

import lightgbm as lgb
import pytest

from models.errors import ConfigError
from models.fleet.config import read_table
from models.fleet.training import Training
from models.risk.booster import FIXED

SETTLED = {*FIXED, "objective", "num_class", "metric", "seed", "num_iterations", "early_stopping_round"}


@pytest.mark.parametrize("name", sorted(lgb.basic._ConfigAliases.get(*SETTLED - {"num_threads"})))
def test_what_chillcast_settles_is_refused_among_parameters_by_each_of_its_names(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"fleet\.toml: training\.parameters\.{name} = .*does not settle"):
        read_table({"parameters": {name: 1}}, Training, "fleet.toml", within="training")


def test_other_parameters_are_taken_as_they_are() -> None:
    given = {"num_threads": 1, "num_leaves": 4, "boosting": "dart"}
    assert read_table({"parameters": given}, Training, "fleet.toml").parameters == given
