"""Which failure mode speaks: how far the sensors of each have moved in the direction that it moves them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import softmax

from models.features.channels import indexed, slug
from models.features.schema import FeatureSchema, window_name
from models.fleet.fleet import Fleet
from models.fleet.knowledge import Advice
from models.telemetry.samples import Float32, Float64, Int64

_LEAST = 1.0  # standard deviations of a day's mean that the sensors of a mode have moved on average
_AHEAD = 1.15  # times as far as those of the next one
# Fitted on simulated fleets: the log-odds of a standard deviation, how far sensors move if none is under way,
# and how often it is what no index tells.
_LOG_ODDS, _NONE, _SURPRISE = 1.5, 2.0, 0.05


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A failure mode, how far its sensors have moved in standard deviations, and the next one.

    ``probability`` is that of the mode, given that the risk is high, ``runner_up_probability`` of the next.
    """

    advice: Advice
    strength: float
    probability: float
    runner_up: Advice | None = None
    runner_up_strength: float = 0.0
    runner_up_probability: float = 0.0

    @property
    def is_clear(self) -> bool:
        """Whether it may be named: it has moved, and further than the next."""
        return self.strength >= _LEAST and self.strength >= _AHEAD * self.runner_up_strength


class Modes:
    """Tells the failure modes of a fleet from feature vectors; there are none without an expectation."""

    def __init__(self, fleet: Fleet, schema: FeatureSchema) -> None:
        self.advice = indexed(fleet) if fleet.expectation else []
        windows = (window_name(fleet.sampling.recent_s), schema.windows[-1])
        self.columns: Int64 = np.array(
            [
                [schema.index(f"{slug(advice.fault)}_index", window, "mean") for window in windows]
                for advice in self.advice
            ],
            np.int64,
        ).reshape(len(self.advice), len(windows))

    def strengths(self, vector: Float32) -> Float64:
        """Return (M,) how far each mode's sensors moved over a day, or the longest window; 0 if unknown."""
        moved = vector[self.columns].astype(np.float64)
        known = np.where(np.isnan(moved), -np.inf, moved)
        out: Float64 = np.nan_to_num(known.max(axis=1, initial=-np.inf), neginf=0.0)
        return out

    def suspected(self, vector: Float32) -> Suspicion | None:
        """Return the mode that has moved furthest, None if the fleet has none."""
        if not self.advice:
            return None
        strengths = self.strengths(vector)
        likely = probabilities(strengths)
        first, *others = np.argsort(-strengths, kind="stable").tolist()
        found = Suspicion(self.advice[first], float(strengths[first]), float(likely[first]))
        if not others:
            return found
        second = others[0]
        return replace(
            found,
            runner_up=self.advice[second],
            runner_up_strength=float(strengths[second]),
            runner_up_probability=float(likely[second]),
        )


def probabilities(strengths: Float64) -> Float64:
    """Return (M,) the probability of each mode under which sensors move as far as (M,) ``strengths``.

    Its log-odds grow with each standard deviation. That none is under way has a share, too, and so has what
    no index tells: all together are less than 1.

    >>> probabilities(np.array([4.0, 1.0])).round(2).tolist()
    [0.91, 0.03]
    """
    share = softmax(_LOG_ODDS * np.append(strengths, _NONE))[:-1]
    out: Float64 = (1.0 - _SURPRISE) * share + _SURPRISE / (len(strengths) + 1)
    return out
