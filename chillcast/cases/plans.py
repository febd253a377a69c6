"""Planned stops as a person at a terminal enters, lists and cancels them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import msgspec

from chillcast.pipeline.pipeline import wait_for_configured_broker
from chillcast.resources import Resources
from models.cases.planning import Outcome, Planning, Said, cancelling, plan_name
from models.cases.stops import StopCommand
from models.errors import ConfigError, RefusedError
from models.fleet.site_times import SiteTimes
from models.registry.promotion import whoever
from streams.stores.case_reader import seen_ms
from streams.stores.planned_stops import Planned, await_stops, by_plan, stops_of, stops_since


class PlanDesk:
    """Plans as the store has them, and the worker that leads them."""

    def __init__(self, resources: Resources) -> None:
        self.resources, self.times = resources, resources.site_times

    def rows(self, machine: str = "", site: str = "", *, every: bool = False) -> list[dict[str, Any]]:
        """Return the plans that are not over, of a machine or a site if one is named; ``every``: all.

        Raises RecordError for a site or machine that nobody knows.
        """
        now_ms = self._seen_ms()
        planning = Planning(self.resources.fleet, self.times)
        assets = planning.asked_for(machine, site)
        with closing(self.resources.open_reader()) as reader:
            found = by_plan(stops_since(reader, 0 if every else now_ms, assets))
            if machine and not found and not stops_of(reader, machine):
                planning.check_known(machine, {row.tags["asset"] for row in reader.latest("scores")})
        shown = [one for one in found if every or one.first.state(now_ms) != "cancelled"]
        return [row(one, self.times, now_ms) for one in shown]

    def add(self, who: str | None, **said: str) -> dict[str, Any]:
        """Plan a stop: ``begins``, ``ends``, ``machine`` or ``site``, ``text``; return it.

        Raises RecordError for what makes no sense, and RefusedError.
        """
        now_ms = self.resources.clock.now_ms()
        by = {"who": who or whoever(), "time_ms": now_ms, "as_of_ms": self._seen_ms()}
        asked = msgspec.convert({"plan": plan_name(), **said, **by}, Said)
        return self._ask(Planning(self.resources.fleet, self.times).commands(asked))

    def cancel(self, plan: str, who: str | None) -> dict[str, Any]:
        """Cancel a plan, or end it now if it is under way; return it as it is then."""
        now_ms = self._seen_ms()
        with closing(self.resources.open_reader()) as reader:
            stops = stops_since(reader, 0, plan=plan)
        if not stops:
            expected = "the name of a plan, as chillcast plans list --all has it"
            raise ConfigError("command line", "plan", plan, expected)
        clock_ms = self.resources.clock.now_ms()
        return self._ask(cancelling(stops, who or whoever(), clock_ms, now_ms))

    def _ask(self, commands: Sequence[StopCommand]) -> dict[str, Any]:
        wait_for_configured_broker(self.resources.settings, lambda _: None)
        found = Outcome.of(self.resources.case_line.plan(commands))
        if not found.stops:
            raise RefusedError(f"plan {commands[0].plan}: refused: {found.reasons}")
        with closing(self.resources.open_reader()) as reader:
            await_stops(reader, found.stops, self.resources.clock.monotonic_s)
        shown = row(Planned(found.stops), self.times, self._seen_ms())
        return {**shown, "refused": found.reasons or None}

    def _seen_ms(self) -> int:
        with closing(self.resources.open_reader()) as reader:
            return seen_ms(reader, self.resources.clock.now_ms())


def row(planned: Planned, times: SiteTimes, now_ms: int) -> dict[str, Any]:
    """Return a line of the list, with the times of the site."""
    stop = planned.first
    return {
        "plan": stop.plan,
        "of": planned.about,
        "machines": len(planned.stops),
        "from": times.said(stop.asset, stop.from_ms),
        "until": times.said(stop.asset, stop.shown_until_ms),
        "state": stop.state(now_ms),
        "who": stop.who,
        "text": stop.text or None,
    }
