"""How often the failure mode that a case names was under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from chillcast.skill.survey import Survey, under_way
from models.alerting.cases import Case
from models.evaluation.metrics import share
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.risk.modes import Modes
from models.telemetry.samples import Float32


def mode_shares(
    fleet: Fleet, judge: Survey, cases: Sequence[Case], modes: Mapping[str, Sequence[str]]
) -> tuple[float | None, float | None]:
    """Return how often a named mode was under way, and in how many cases one was named.

    Cases on machines without any fault under way do not count: they have no mode to be named.
    """
    schema = FeatureSchema(fleet)
    teller, at = Modes(fleet, schema), judge.places
    named = right = counted = 0
    for case in cases:
        there = under_way(judge.faults, case.asset, case.opened_ms)
        if not there:
            continue
        counted += 1
        suspicion = teller.suspected(_vector(judge, at[case.asset, case.opened_ms], len(schema)))
        if suspicion is not None and suspicion.is_clear:
            named += 1
            right += bool(there.intersection(modes.get(suspicion.advice.fault, ())))
    return share(right, named), share(named, counted)


def _vector(judge: Survey, row: int, features: int) -> Float32:
    vector = np.full(features, np.nan, np.float32)
    vector[judge.columns] = judge.features[row]
    return vector
