"""Kinds of values that the tables of configuration files share: names, numbers with a limit, rising lists."""

from __future__ import annotations

import itertools
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from models.fleet.config import expects
from models.fleet.formula import ALLOWED, parse_formula

Key = Annotated[
    str,
    Field(pattern="^[a-z][a-z0-9_]{0,63}$"),
    expects("snake_case, at most 64 characters"),
]
Positive = Annotated[int, Field(gt=0)]
Days = Annotated[int, Field(gt=0, le=36_525)]
PositiveNumber = Annotated[float, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
Keys = Annotated[tuple[Key, ...], Field(min_length=1)]


def _rising(values: tuple[float, ...]) -> tuple[float, ...]:
    if any(value <= 0 for value in values) or any(a >= b for a, b in itertools.pairwise(values)):
        raise ValueError(values)
    return values


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(text) from error
    return text


def _formula(text: str) -> str:
    parse_formula(text)
    return text


def _free(name: str) -> str:
    if name in _SETTLED:
        raise ValueError(name)
    return name


_SETTLED = {
    *("objective", "app", "loss", "application", "objective_type", "num_class", "num_classes"),
    *("metric", "metrics", "metric_types", "verbosity", "verbose"),
    *("deterministic", "force_row_wise", "force_col_wise", "feature_pre_filter"),
    *("seed", "random_seed", "random_state"),
    *("num_iterations", "num_iteration", "n_iter", "nrounds", "max_iter", "num_tree", "num_trees"),
    *("num_round", "num_rounds", "n_estimators", "num_boost_round"),
    *("early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change"),
}
Rising = AfterValidator(_rising)
Parameter = Annotated[
    str,
    AfterValidator(_free),
    expects("a parameter that chillcast does not settle itself, as it does objective, seed and trees"),
]
Parameters = dict[Parameter, float | int | str]
Formula = Annotated[str, AfterValidator(_formula), expects(f"arithmetic of {ALLOWED}")]
Pattern = Annotated[str, AfterValidator(_pattern), expects("a regular expression")]
