"""The policy of repeated high risks: a case opens after several, and closes well below the threshold."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass

from models.alerting.decision import Decision, PolicyState
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting


@dataclass(slots=True)
class _HysteresisState:
    """What hysteresis remembers of one asset."""

    above: deque[bool]
    opened_ms: int | None = None
    quiet_until_ms: int = 0
    calm_since_ms: int | None = None


class HysteresisPolicy:
    """Opens when ``raise_count`` of the last ``raise_among`` risks reach the threshold; closes well below it.

    A dip does not close a case: every risk of the last ``clear_d`` days has to lie below ``clear_ratio`` of
    the threshold. After an outcome the machine is left alone for ``cooldown_d``. A risk that is not said
    (NaN) is neither high nor low.
    """

    def __init__(self, alerting: Alerting, threshold: float) -> None:
        self.alerting, self.threshold = alerting, threshold
        self.changed: set[str] = set()
        self._assets: dict[str, _HysteresisState] = defaultdict(
            lambda: _HysteresisState(deque(maxlen=alerting.raise_among))
        )

    def observe(self, asset: str, end_ms: int, risk: float) -> list[Decision]:
        """See one risk; return the decision it leads to."""
        if not self.alerting.looks_at(end_ms):
            return []
        state = self._assets[asset]
        self.changed.add(asset)
        if not math.isnan(risk):
            state.above.append(risk >= self.threshold)
        if state.opened_ms is not None:
            return self._while_open(asset, state, end_ms, risk)
        if math.isnan(risk) or end_ms < state.quiet_until_ms or sum(state.above) < self.alerting.raise_count:
            return []
        state.opened_ms = end_ms
        return [Decision(asset, end_ms, "open", risk)]

    def advance(self, watermark_ms: int) -> list[Decision]:  # noqa: ARG002
        """Return nothing: each asset is decided on its own."""
        return []

    def event(self, asset: str, time_ms: int) -> list[Decision]:
        """Close the case of an asset whose outcome came."""
        state = self._assets[asset]
        opened = state.opened_ms is not None
        _shut(state, time_ms, self.alerting.cooldown_d)
        self.changed.add(asset)
        return [Decision(asset, time_ms, "closed", math.nan, "event")] if opened else []

    def hold_to(self, threshold: float) -> None:
        """Hold the risks from now on against another threshold; what was above the last one stays so."""
        self.threshold = threshold

    def remember(self, asset: str) -> PolicyState:
        """Return what is remembered of an asset."""
        state = self._assets[asset]
        return PolicyState(
            list(state.above), state.opened_ms, state.quiet_until_ms, calm_since_ms=state.calm_since_ms
        )

    def restore(self, asset: str, remembered: PolicyState) -> None:
        """Remember it again."""
        above = deque(remembered.above, maxlen=self.alerting.raise_among)
        self._assets[asset] = _HysteresisState(
            above, remembered.opened_ms, remembered.quiet_until_ms, remembered.calm_since_ms
        )

    def _while_open(self, asset: str, state: _HysteresisState, end_ms: int, risk: float) -> list[Decision]:
        if end_ms - (state.opened_ms or 0) >= self.alerting.case_ms:
            reason = "expired"
        elif self._is_over(state, end_ms, risk):
            reason = "cleared"
        else:
            return []
        _shut(state, end_ms, 0.0)
        return [Decision(asset, end_ms, "closed", risk, reason)]

    def _is_over(self, state: _HysteresisState, end_ms: int, risk: float) -> bool:
        """Return whether the risk has been low for long enough."""
        if not risk < self.alerting.clear_ratio * self.threshold:
            state.calm_since_ms = None
            return False
        if state.calm_since_ms is None:
            state.calm_since_ms = end_ms
        return end_ms - state.calm_since_ms >= self.alerting.clear_d * DAY_MS


def _shut(state: _HysteresisState, time_ms: int, cooldown_d: float) -> None:
    state.opened_ms = state.calm_since_ms = None
    state.above.clear()
    state.quiet_until_ms = time_ms + int(cooldown_d * DAY_MS)
