"""Who is compared: the model, the rules of a hand, the best sensor, age and chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from chillcast.skill.survey import Survey
from models.alerting.cases import RiskSeries
from models.evaluation.baselines import Watched, baselines
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.learning.training_set import Examples
from models.risk.hazard import RiskModel, calibrate
from models.telemetry.event_log import EventLog
from models.telemetry.labels import label
from models.telemetry.samples import Float64, Int64
from models.telemetry.window_keys import join_keys
from simulators.truth import ShutdownRecord


@dataclass(frozen=True, slots=True)
class Contender:
    """Risks of one way of scoring, on the fleets that thresholds are learnt on and those it is judged on.

    ``curves`` are those of both over all horizons, (n, H) each, if these are probabilities.
    """

    name: str
    text: str
    develop: RiskSeries
    judge: RiskSeries
    curves: tuple[Float64, Float64] | None = None


def pretrained_model(fleet: Fleet, develop: Survey, judge: Survey, pretrained: RiskModel) -> Contender:
    """Take a model that has seen neither; on the first it is only calibrated, and thresholds are learnt."""
    risk = pretrained.of_columns(develop.features)
    final = calibrate(pretrained, risk, examples_of(fleet, develop).labels)
    return _model("pre-trained on other fleets", fleet, develop, judge, final, final.calibrated(risk))


def model(fleet: Fleet, develop: Survey, judge: Survey, seed: int) -> Contender:
    """Learn from all machines of the first; the risks of these come from the half that each is not in."""
    examples = examples_of(fleet, develop)
    half = develop.keys.asset % 2
    risk = np.empty((len(develop.keys), len(fleet.horizons_d)))
    for k in (0, 1):
        learnt = _fit(examples, np.flatnonzero(half != k), fleet, seed)
        rows = np.flatnonzero(half == k)
        risk[rows] = learnt.of_columns(develop.features[rows])
    final = calibrate(_fit(examples, np.arange(len(half)), fleet, seed), risk, examples.labels)
    text = f"learnt from {len(develop.keys.assets)} machines"
    return _model(text, fleet, develop, judge, final, final.calibrated(risk))


def _model(
    text: str, fleet: Fleet, develop: Survey, judge: Survey, final: RiskModel, known: Float64
) -> Contender:
    """Return a model whose calibrated risks (n, H) of the first are ``known``."""
    judged = final.calibrated(final.of_columns(judge.features))
    series = _series(develop, known[:, fleet.horizon]), _series(judge, judged[:, fleet.horizon])
    return Contender("model", text, *series, (known, judged))


def examples_of(fleet: Fleet, survey: Survey) -> Examples:
    """Return the windows of a survey with what became of each."""
    outcomes = survey.log.outcomes
    labels = label(survey.keys, survey.log, survey.span_ms[1], fleet.training.censor or ("maintenance",))
    number = outcomes.next_after(survey.keys)
    return Examples(
        fleet, FeatureSchema(fleet), survey.columns, survey.features, survey.keys, labels, number, outcomes
    )


def _fit(examples: Examples, rows: Int64, fleet: Fleet, seed: int) -> RiskModel:
    chosen = replace(
        examples,
        features=examples.features[rows],
        keys=examples.keys.take(rows),
        labels=examples.labels.take(rows),
        outcome=examples.outcome[rows],
    )
    end_ms = chosen.keys.end_ms
    at_risk = chosen.at_risk(int(end_ms.min()) - 1, int(end_ms.max()))
    return chosen.fit(at_risk, fleet.training, seed)


def rivals(fleet: Fleet, develop: Survey, judge: Survey, seed: int) -> list[Contender]:
    """Return every baseline; what they learn, they learn on the first."""
    both = join_keys([develop.keys, judge.keys])
    log = EventLog((*develop.log, *judge.log))
    taught = np.arange(len(both)) < len(develop.keys)
    watched = Watched(
        *both.columns,
        np.concatenate([develop.daily, judge.daily]),
        np.concatenate([develop.newest, judge.newest]),
        label(both, log, int(both.end_ms.max())).follows(fleet.alerting.horizon_d),
        taught,
    )
    cut = len(develop.keys)
    return [
        Contender(b.name, b.text, _series(develop, b.score[:cut]), _series(judge, b.score[cut:]))
        for b in baselines(fleet, watched, log, seed)
    ]


def _series(survey: Survey, risk: Float64) -> RiskSeries:
    return RiskSeries(*survey.keys.columns, np.asarray(risk, np.float64))


def foreseeable(shutdowns: Sequence[ShutdownRecord]) -> set[tuple[str, int]]:
    """Return machine and time of the shutdowns that a gradual fault led to."""
    return {(s.asset, s.time_ms) for s in shutdowns if s.has_precursor}
