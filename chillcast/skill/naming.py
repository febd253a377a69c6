"""How often the failure mode that a case names was under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chillcast.skill.survey import Survey, under_way
from models.alerting.cases import Case
from models.evaluation.metrics import share
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.risk.modes import Modes
from models.telemetry.samples import Float32


@dataclass(frozen=True, slots=True)
class ModeSkill:
    """In how many cases a mode was ``named``, how often ``right``, and how probable it was ``said`` to be.

    Cases on machines without any fault under way do not count: they have no mode to be named.
    """

    named: float | None
    right: float | None
    said: float | None


def mode_skill(
    fleet: Fleet, judge: Survey, cases: Sequence[Case], modes: Mapping[str, Sequence[str]]
) -> ModeSkill:
    """Return how well modes are named as cases open; ``modes`` says which faults each of them is."""
    schema = FeatureSchema(fleet)
    teller, at = Modes(fleet, schema), judge.places
    counted, right, said = 0, 0, list[float]()
    for case in cases:
        there = under_way(judge.faults, case.asset, case.opened_ms)
        if not there:
            continue
        counted += 1
        suspicion = teller.suspected(_vector(judge, at[case.asset, case.opened_ms], len(schema)))
        if suspicion is not None and suspicion.is_clear:
            said.append(suspicion.probability)
            right += bool(there.intersection(modes.get(suspicion.advice.fault, ())))
    return ModeSkill(share(len(said), counted), share(right, len(said)), share(sum(said), len(said)))


def _vector(judge: Survey, row: int, features: int) -> Float32:
    vector = np.full(features, np.nan, np.float32)
    vector[judge.columns] = judge.features[row]
    return vector
