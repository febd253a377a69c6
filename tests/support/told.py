"""A plan that is moved by what machines and people do, and a channel that takes what is due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.cases.book import CaseBook
from models.delivery.notice import News, Notice, Parcel, Report
from models.delivery.plan import Plan
from models.delivery.routes import Routes
from models.event_time import DAY_MS
from models.fleet.config import read_table
from models.fleet.inventory import Inventory
from tests.support.case_life import CONTINUES_D, Step, does

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
NOON_MS = 20_000 * DAY_MS + 12 * HOUR_MS  # Friday, 4 October 2024
INVENTORY = Inventory(
    {
        "a": {"site": "north", "timezone": "Europe/Berlin"},
        "b": {"site": "north", "timezone": "Europe/Berlin"},
        "c": {"site": "south", "timezone": "America/New_York"},
    }
)


def routes(*given: dict[str, Any], **more: Any) -> Routes:
    """Return routes, each to the channel ``ops`` unless it says otherwise."""
    made = [{"name": f"r{i}", "channels": ["ops"], **one} for i, one in enumerate(given or ({},))]
    return read_table({"routes": made, **more}, Routes, "routes.toml")


class Post:
    """Moves a plan; ``broken`` channels take nothing."""

    def __init__(self, given: Routes, inventory: Inventory = INVENTORY) -> None:
        self.plan, self.book = Plan(given, inventory), CaseBook(CONTINUES_D * DAY_MS)
        self.now_ms, self.broken = NOON_MS, set[str]()
        self.arrived: list[Parcel] = []

    def does(self, *steps: Step) -> None:
        """Let machines and people do something."""
        for step in steps:
            answer, change = does(self.book, step)
            assert answer is None or answer.accepted, answer.reason
            if change.case is not None:
                self.plan.hear(News(case=change.case, entries=change.entries))

    def passes(self, minutes: float = 1.0, step_min: float = 1.0) -> list[Notice]:
        """Let time pass, with a beat at each step; return the notices that have arrived."""
        before, until_ms = len(self.arrived), self.now_ms + int(minutes * MINUTE_MS)
        while self.now_ms < until_ms:
            self.now_ms = min(self.now_ms + int(step_min * MINUTE_MS), until_ms)
            self.plan.beat(self.now_ms)
            self._deliver(self.plan.ready(self.now_ms))
        return [parcel.notice for parcel in self.arrived[before:]]

    def _deliver(self, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            sent = parcel.channel not in self.broken
            self.plan.report(Report(parcel.key, parcel.attempts + 1, sent=sent, time_ms=self.now_ms))
            if sent:
                self.arrived.append(parcel)
