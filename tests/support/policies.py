"""Alerting policies, and what they decide on a row of risks."""

from __future__ import annotations

from models.alerting.hysteresis import HysteresisPolicy
from models.alerting.policy import Policy
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting

HOUR_MS, WEEK_MS = 3_600_000, 7 * DAY_MS
HYSTERESIS = Alerting(
    horizon_d=7.0, raise_count=3, raise_among=4, clear_ratio=0.5, clear_d=0.25, cooldown_d=2.0
)
SHARE = Alerting(horizon_d=7.0, daily_share=0.1)


def hysteresis(threshold: float = 0.4) -> HysteresisPolicy:
    return HysteresisPolicy(HYSTERESIS, threshold)


def stages(policy: Policy, risks: list[float], asset: str = "a") -> list[tuple[int, str, str]]:
    """Feed one risk an hour; return (hour, stage, reason)."""
    out = []
    for hour, risk in enumerate(risks):
        out += [(hour, d.stage, d.reason) for d in policy.observe(asset, hour * HOUR_MS, risk)]
    return out
