"""Alert policies: when a risk becomes a case for somebody, and when the case is over."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec
import numpy as np

from models.event_time import DAY_MS, YEAR_MS
from models.fleet.alerting import Alerting
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event, Float64
from models.telemetry.window_keys import WindowKeys


@dataclass(frozen=True, slots=True)
class Decision:
    """A case of ``asset`` opens or closes at ``time_ms``.

    A case closes because its risk ``cleared``, the outcome came (``event``), or its time passed without one
    (``expired``).
    """

    asset: str
    time_ms: int
    stage: str
    risk: float
    reason: str = ""


class Remembered(msgspec.Struct, frozen=True, array_like=True):
    """What a policy knows of one asset; each uses the fields it needs."""

    above: list[bool] = []
    opened_ms: int | None = None
    quiet_until_ms: int = 0
    waiting: list[tuple[int, float]] = []
    calm_since_ms: int | None = None


class Policy(Protocol):
    """Turns risks, in order of time per asset, into decisions.

    ``changed`` are the assets remembered otherwise since whoever saves them last cleared it.
    """

    changed: set[str]

    def observe(self, asset: str, end_ms: int, risk: float) -> list[Decision]:
        """See the risk of the window that ends at ``end_ms``."""

    def advance(self, watermark_ms: int) -> list[Decision]:
        """Learn that every window that ends at or before ``watermark_ms`` has been seen."""

    def event(self, asset: str, time_ms: int) -> list[Decision]:
        """Learn that the outcome came."""

    def hold_to(self, threshold: float) -> None:
        """Hold the risks from now on against another threshold."""

    def remember(self, asset: str) -> Remembered:
        """Return what is remembered of an asset."""

    def restore(self, asset: str, remembered: Remembered) -> None:
        """Remember it again."""


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
    the threshold. After an outcome the machine is left alone for ``cooldown_d``.
    """

    def __init__(self, alerting: Alerting, threshold: float) -> None:
        self.alerting, self.threshold = alerting, threshold
        self.changed: set[str] = set()
        self._assets: dict[str, _HysteresisState] = defaultdict(
            lambda: _HysteresisState(deque(maxlen=alerting.raise_among))
        )

    def observe(self, asset: str, end_ms: int, risk: float) -> list[Decision]:
        """See one risk; return the decision it leads to."""
        state = self._assets[asset]
        self.changed.add(asset)
        state.above.append(risk >= self.threshold)
        if state.opened_ms is not None:
            return self._while_open(asset, state, end_ms, risk)
        if end_ms < state.quiet_until_ms or sum(state.above) < self.alerting.raise_count:
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

    def remember(self, asset: str) -> Remembered:
        """Return what is remembered of an asset."""
        state = self._assets[asset]
        return Remembered(
            list(state.above), state.opened_ms, state.quiet_until_ms, calm_since_ms=state.calm_since_ms
        )

    def restore(self, asset: str, remembered: Remembered) -> None:
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
        if risk >= self.alerting.clear_ratio * self.threshold:
            state.calm_since_ms = None
            return False
        if state.calm_since_ms is None:
            state.calm_since_ms = end_ms
        return end_ms - state.calm_since_ms >= self.alerting.clear_d * DAY_MS


class SharePolicy:
    """Alerts, at each window end, the ``daily_share`` of the assets with the highest risk.

    A case stays open while its asset is among them again before its time has passed.
    """

    def __init__(self, alerting: Alerting) -> None:
        if alerting.daily_share is None:
            raise ValueError("alerting.daily_share is None: expected a share")
        self.alerting, self.share = alerting, alerting.daily_share
        self.changed: set[str] = set()
        self._cohorts: dict[int, dict[str, float]] = defaultdict(dict)
        self._flagged_ms: dict[str, int] = {}

    def observe(self, asset: str, end_ms: int, risk: float) -> list[Decision]:
        """Keep the risk until the whole cohort of its window end has been seen."""
        self._cohorts[end_ms][asset] = risk
        self.changed.add(asset)
        return []

    def advance(self, watermark_ms: int) -> list[Decision]:
        """Decide the cohorts that are complete."""
        due = sorted(end_ms for end_ms in self._cohorts if end_ms <= watermark_ms)
        return [d for end_ms in due for d in self._decide(end_ms, self._cohorts.pop(end_ms))]

    def event(self, asset: str, time_ms: int) -> list[Decision]:
        """Close the case of an asset whose outcome came."""
        closed = self._flagged_ms.pop(asset, None) is not None
        self.changed.add(asset)
        return [Decision(asset, time_ms, "closed", math.nan, "event")] if closed else []

    def hold_to(self, threshold: float) -> None:
        """Do nothing: the share decides."""

    def remember(self, asset: str) -> Remembered:
        """Return what is remembered of an asset."""
        waiting = [(end_ms, cohort[asset]) for end_ms, cohort in self._cohorts.items() if asset in cohort]
        return Remembered(opened_ms=self._flagged_ms.get(asset), waiting=waiting)

    def restore(self, asset: str, remembered: Remembered) -> None:
        """Remember it again."""
        if remembered.opened_ms is not None:
            self._flagged_ms[asset] = remembered.opened_ms
        for end_ms, risk in remembered.waiting:
            self._cohorts[end_ms][asset] = risk

    def _decide(self, end_ms: int, cohort: dict[str, float]) -> list[Decision]:
        stale = sorted(
            a for a, last_ms in self._flagged_ms.items() if end_ms - last_ms >= self.alerting.case_ms
        )
        out = [Decision(a, end_ms, "closed", cohort.get(a, math.nan), "expired") for a in stale]
        self.changed.update(cohort, stale)
        for asset in stale:
            del self._flagged_ms[asset]
        for asset in highest(cohort, self.share):
            if asset not in self._flagged_ms:
                out.append(Decision(asset, end_ms, "open", cohort[asset]))
            self._flagged_ms[asset] = end_ms
        return out


def highest(risks: dict[str, float], share: float) -> list[str]:
    """Return the ``floor(share × n)`` names with the highest risk, one at least, ties by name.

    >>> highest({"a": 0.1, "b": 0.3, "c": 0.3, "d": 0.2}, 0.5), highest({"a": 0.1, "b": 0.3}, 0.01)
    (['b', 'c'], ['b'])
    """
    ranked = sorted(risks, key=lambda name: (-risks[name], name))
    return ranked[: max(int(share * len(ranked)), 1)]


def create_policy(alerting: Alerting, threshold: float) -> Policy:
    """Return the policy that a fleet asks for."""
    if alerting.daily_share is not None:
        return SharePolicy(alerting)
    return HysteresisPolicy(alerting, threshold)


def _shut(state: _HysteresisState, time_ms: int, cooldown_d: float) -> None:
    state.opened_ms = state.calm_since_ms = None
    state.above.clear()
    state.quiet_until_ms = time_ms + int(cooldown_d * DAY_MS)


@dataclass(frozen=True, slots=True)
class RiskSeries(WindowKeys):
    """Risks (n,) of windows."""

    risk: Float64


class Case(NamedTuple):
    """A case of a machine. One that stands for longer than its time counts as another, which is as false."""

    asset: str
    opened_ms: int

    def announces(self, event: Event, case_ms: float) -> bool:
        """Return whether the case announced an event, which came in its time."""
        return event.asset == self.asset and 0 < event.time_ms - self.opened_ms <= case_ms


def cases_of(policy: Policy, series: RiskSeries, log: EventLog) -> list[Case]:
    """Run a policy over risks and outcomes in order of time; return the cases, in the order they opened."""
    happened = deque(log.outcomes)
    decided: list[Decision] = []
    for i in np.lexsort((series.asset, series.end_ms)).tolist():
        end_ms = int(series.end_ms[i])
        while happened and happened[0].time_ms < end_ms:
            event = happened.popleft()
            policy.event(event.asset, event.time_ms)
        decided += policy.observe(series.assets[series.asset[i]], end_ms, float(series.risk[i]))
    decided += policy.advance(int(series.end_ms.max()) if len(series.end_ms) else 0)
    return [Case(d.asset, d.time_ms) for d in decided if d.stage == "open"]


def learn_threshold(alerting: Alerting, series: RiskSeries, log: EventLog) -> float:
    """Return the lowest threshold that keeps to the budget of false alarms on the given risks.

    The policy itself is run at quantiles of the risk, halving the span of those that may be the lowest: a
    higher threshold is taken to give no more false alarms. If none fits it is the highest risk seen.
    """
    start_ms, end_ms = (int(series.end_ms.min()), int(series.end_ms.max())) if len(series) else (0, 0)
    settled = Settled(alerting, start_ms, end_ms)
    years = max(len(np.unique(series.asset)) * settled.years, 1e-9)
    thresholds = np.quantile(series.risk, 1 - _SHARES).tolist()

    def keeps(threshold: float) -> bool:
        cases = cases_of(HysteresisPolicy(alerting, threshold), series, log)
        false = false_cases(settled.of(cases), log, alerting.case_ms)
        counted = unexplained(false, log, alerting) if alerting.budget_of == "unexplained" else false
        return len(counted) / years <= alerting.false_alarms_per_asset_year

    lowest = bisect_left(thresholds, True, key=keeps)
    return float(thresholds[lowest] if lowest < len(thresholds) else series.risk.max())


# The shares of the risks that lie above a threshold which is tried.
_SHARES = np.geomspace(0.2, 0.001, 40)


@dataclass(frozen=True, slots=True)
class Settled:
    """Which cases opened in [start, end] are settled at its end: nobody knows yet what of the others comes.

    A span that is too short to settle any settles all, as if nothing followed.
    """

    alerting: Alerting
    start_ms: int
    end_ms: int

    @property
    def last_ms(self) -> float:
        """Until when cases are counted."""
        last_ms = self.end_ms - self.alerting.case_ms
        return last_ms if last_ms > self.start_ms else self.end_ms

    @property
    def years(self) -> float:
        """How long cases were counted, in years of one machine."""
        return (self.last_ms - self.start_ms) / YEAR_MS

    def of(self, cases: Iterable[Case]) -> list[Case]:
        """Return those of the cases that are counted."""
        return [case for case in cases if self.start_ms <= case.opened_ms <= self.last_ms]


def false_cases(cases: Iterable[Case], log: EventLog, case_ms: float) -> list[Case]:
    """Return the cases that announced no outcome."""
    return [case for case in cases if not log.outcomes.follows(*case, case_ms)]


def unexplained(cases: Iterable[Case], log: EventLog, alerting: Alerting) -> list[Case]:
    """Return the cases that no work followed which found a fault."""
    work = EventLog(e for e in log.only("maintenance") if e.code in alerting.confirmed_by)
    return [case for case in cases if not work.follows(*case, alerting.case_ms)]
