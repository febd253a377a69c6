"""The policy of a fixed share: those of the fleet with the highest risk, day by day."""

from __future__ import annotations

import math
from collections import defaultdict

from models.alerting.decision import Decision, PolicyState
from models.fleet.alerting import Alerting


class SharePolicy:
    """Alerts, at each window end, the ``daily_share`` of the assets with the highest risk.

    A case stays open while its asset is among them again before its time has passed. An asset whose risk is
    not said (NaN) counts as one of the fleet, and is never among them.
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
        if self.alerting.looks_at(end_ms):
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

    def remember(self, asset: str) -> PolicyState:
        """Return what is remembered of an asset."""
        waiting = [(end_ms, cohort[asset]) for end_ms, cohort in self._cohorts.items() if asset in cohort]
        return PolicyState(opened_ms=self._flagged_ms.get(asset), waiting=waiting)

    def restore(self, asset: str, remembered: PolicyState) -> None:
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

    Those whose risk is not said count for ``n``, and are never returned.

    >>> highest({"a": 0.1, "b": 0.3, "c": 0.3, "d": 0.2}, 0.5), highest({"a": 0.1, "b": 0.3}, 0.01)
    (['b', 'c'], ['b'])
    """
    told = (name for name in risks if math.isfinite(risks[name]))
    ranked = sorted(told, key=lambda name: (-risks[name], name))
    return ranked[: max(int(share * len(risks)), 1)]
