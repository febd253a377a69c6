"""Alert policies: when a risk becomes a case for somebody, and when the case is over."""

from __future__ import annotations

from typing import Protocol

from models.alerting.decision import Decision, PolicyState
from models.alerting.hysteresis import HysteresisPolicy
from models.alerting.share import SharePolicy
from models.fleet.alerting import Alerting


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

    def remember(self, asset: str) -> PolicyState:
        """Return what is remembered of an asset."""

    def restore(self, asset: str, remembered: PolicyState) -> None:
        """Remember it again."""


def create_policy(alerting: Alerting, threshold: float) -> Policy:
    """Return the policy that a fleet asks for."""
    if alerting.daily_share is not None:
        return SharePolicy(alerting)
    return HysteresisPolicy(alerting, threshold)
