"""Why a risk is high, in the words of a maintenance team: when, which sensors, what to suspect and check."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from models.features.expectation import Expectation
from models.features.schema import FeatureSchema, window_name
from models.fleet.fleet import Fleet
from models.fleet.knowledge import Advice
from models.fleet.points import MachinePoint
from models.risk.causes import OTHER
from models.risk.explanation import Cause, Explanation, Mode, Reason
from models.risk.hazard import RiskModel
from models.risk.modes import Modes, Suspicion
from models.risk.remaining import case_days
from models.risk.usual import Usual
from models.risk.wording import alike, percent, said, span, subject, usually
from models.telemetry.samples import Float32, Float64

_CRITICAL_RISK = 0.5
_CRITICAL_DAYS = 2.0


class Explainer:
    """Explains single windows of one fleet and model; too slow for every window, made for alerts.

    With an ``expectation`` a sensor is compared with what this machine would show at the same load and
    weather, and a failure mode is named if its sensors moved the way it moves them, further than those of any
    other; they are the reasons then. Without one a sensor is compared with its mean over the longest window,
    and the mode is the one whose sensors raise the risk most.
    """

    def __init__(
        self, fleet: Fleet, model: RiskModel, schema: FeatureSchema, expectation: Expectation | None = None
    ) -> None:
        self.fleet, self.model, self.schema = fleet, model, schema
        self.horizon = fleet.horizon
        self.usual = Usual(schema, expectation)
        self._recent = window_name(fleet.sampling.recent_s)
        self._span = span(fleet.sampling.recent_s)
        self._owner = schema.point_index
        modes = Modes(fleet, schema)
        self._modes = modes if expectation and modes.advice else None
        self._sigma = dict(zip(expectation.sensors, expectation.sigma, strict=True)) if expectation else {}

    def explain(
        self, vector: Float32, risks: Float64, top: int = 3, model: RiskModel | None = None
    ) -> Explanation:
        """Explain a feature vector (F,) and its risks (H,) with the ``top`` strongest sensors and causes.

        Only a sensor that raises the risk, and that can tell its reading from the usual one, is a reason.
        ``model`` is the one that scored it, if that was not the fleet's.
        """
        contributions = (model or self.model).contributions(vector[None, :], self.horizon)[0]
        by_sensor = np.zeros(len(self.fleet.points))
        owned = self._owner >= 0
        np.add.at(by_sensor, self._owner[owned], contributions[owned])
        causes = self._causes(vector, top)
        suspicion = self._suspicion(vector)
        mode = suspicion.advice if suspicion else None
        advice = mode if self._modes else self._advice(by_sensor, vector, causes)
        fault, check = (advice.fault, advice.check) if advice else ("", "")
        soonest, latest = case_days(risks, self.fleet.horizons_d, self.fleet.alerting, self.model.span)
        text = f"Likely {self.fleet.outcome} {in_words(soonest, latest)}{_by(causes)}"
        severity = self._severity(float(risks[self.horizon]), latest)
        ranked = self._evidence(mode, by_sensor, vector) if mode else self._reasons(by_sensor, vector)
        reasons = tuple(itertools.islice(ranked, top))
        modes = tuple(_modes(suspicion)) if suspicion else ()
        return Explanation(text, severity, fault, check, reasons, causes, soonest, latest, modes)

    def _reasons(self, by_sensor: Float64, vector: Float32) -> Iterator[Reason]:
        """Yield what raises the risk and differs from what is usual, the strongest first."""
        for i in np.argsort(-by_sensor, kind="stable").tolist():
            if by_sensor[i] > 0:
                yield from self._reason(self.fleet.points[i], float(by_sensor[i]), vector)

    def _evidence(self, mode: Advice, by_sensor: Float64, vector: Float32) -> Iterator[Reason]:
        """Yield the sensors that moved the way a failure mode moves them, the furthest first."""
        moved = {key: self._residual(key, vector) for key in mode.sensors if key in self._sigma}
        for key in sorted(moved, key=lambda key: -abs(moved[key])):
            if (moved[key] < 0) == (key in mode.falls):
                i = self.fleet.point_keys.index(key)
                yield from self._reason(self.fleet.points[i], float(by_sensor[i]), vector)

    def _reason(self, sensor: MachinePoint, strength: float, vector: Float32) -> Iterator[Reason]:
        """Yield a sensor as a reason, unless nobody could tell its reading from the usual one."""
        value, usual = self.usual.of_point(sensor.key, vector)
        if not alike(sensor, value, usual):
            words = said(sensor, value, self._span), usually(sensor, usual)
            numbers = _known(value), _known(usual), strength
            yield Reason(sensor.key, subject(sensor), sensor.unit, *numbers, *words)

    def _suspicion(self, vector: Float32) -> Suspicion | None:
        """Return the failure mode that the residuals speak for, None if none is clear."""
        found = self._modes.suspected(vector) if self._modes else None
        return found if found and found.is_clear else None

    def _causes(self, vector: Float32, top: int) -> tuple[Cause, ...]:
        """Return the ``top`` most probable causes, most first."""
        model = self.model.causes
        if model is None:
            return ()
        probability = model.score(vector[None, :])[0]
        order = np.argsort(-probability, kind="stable")[:top]
        return tuple(Cause(model.codes[i], float(probability[i])) for i in order)

    def _severity(self, risk: float, latest_d: float) -> str:
        return "critical" if risk >= _CRITICAL_RISK or latest_d <= _CRITICAL_DAYS else "warning"

    def _advice(self, by_sensor: Float64, vector: Float32, causes: tuple[Cause, ...]) -> Advice | None:
        """Return the advice whose sensors contribute most, None if none does.

        If the fleet file has advice for the most probable cause, it is one of that.
        """
        fitting = [a for a in self.fleet.advice if causes and causes[0].code in a.codes]
        among = fitting or self.fleet.advice
        totals = [self._support(advice, by_sensor, vector) for advice in among]
        if not totals or (max(totals) <= 0 and not fitting):
            return None
        return among[int(np.argmax(totals))]

    def _support(self, advice: Advice, by_sensor: Float64, vector: Float32) -> float:
        """Add up the contributions of the sensors that moved the way this fault moves them."""
        total = 0.0
        for key in advice.sensors:
            deviation = self._deviation(key, vector)
            if math.isnan(deviation) or (deviation < 0) == (key in advice.falls):
                total += max(float(by_sensor[self.fleet.point_keys.index(key)]), 0.0)
        return total

    def _deviation(self, key: str, vector: Float32) -> float:
        """Return how far a sensor lies from its expectation, in its unit or as a share; NaN if unknown."""
        return self._residual(key, vector) * self._sigma[key] if key in self._sigma else math.nan

    def _residual(self, key: str, vector: Float32) -> float:
        """Return how far a sensor lies from its expectation, in standard deviations."""
        return float(vector[self.schema.index(f"{key}_residual", self._recent, "mean")])


def _modes(found: Suspicion) -> Iterator[Mode]:
    yield Mode(found.advice.fault, found.probability)
    if found.runner_up is not None:
        yield Mode(found.runner_up.fault, found.runner_up_probability)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _by(causes: tuple[Cause, ...]) -> str:
    """Say what the controller will most probably name; nothing if no cause of its own stands out."""
    if not causes or causes[0].code == OTHER:
        return ""
    return f", most probably {causes[0].code} ({percent(causes[0].probability)})"


def in_words(soonest_d: float, latest_d: float) -> str:
    """Say a span of days as a person would.

    >>> in_words(1.7, 4.2), in_words(0.1, 0.8), in_words(0.2, 2.5)
    ('in 1–5 days', 'within a day', 'within 3 days')
    >>> in_words(3.0, 3.0)
    'in 3 days'
    """
    first, last = math.floor(soonest_d), math.ceil(latest_d)
    if last <= 1:
        return "within a day"
    if first < 1:
        return f"within {last} days"
    return f"in {last} days" if first == last else f"in {first}–{last} days"
