"""Entering planned stops for somebody, and cancelling them: allowed, asked, on record; for page and API."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass

from models.cases.planning import Planning, Said, cancelling
from models.cases.stops import PlannedStop, StopCommand
from models.errors import ChillcastError, ForbiddenError, RecordError
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from streams.access.audit import Deed
from streams.access.roles import Person
from streams.page.acting import result_of
from streams.page.case_pages import CaseWork
from streams.stores.case_reader import seen_ms
from streams.stores.planned_stops import Planned, await_stops, by_plan, stops_since
from streams.stores.store import Reader

BEHIND_D = 28
"""So long ago a stop may have ended that is still shown."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a plan: the stops as they are now, and the machines of which it was refused, and why."""

    stops: tuple[PlannedStop, ...]
    refused: tuple[tuple[str, str], ...] = ()


class PlanWork:
    """Plans stops through the page; times are those of the sites, ``clock`` says UTC ms."""

    def __init__(self, reader: Reader, fleet: Fleet, work: CaseWork, clock: Callable[[], int]) -> None:
        self.reader, self.work, self.clock = reader, work, clock
        self.planning = Planning(fleet, work.times)

    def seen_ms(self) -> int:
        """Return up to which event time somebody who looks now sees the machines."""
        return seen_ms(self.reader, self.clock())

    def shown(self, now_ms: int, assets: Collection[str] | None = None) -> list[Planned]:
        """Return the plans of machines that lie ahead, are under way, or were over lately."""
        return by_plan(stops_since(self.reader, now_ms - BEHIND_D * DAY_MS, assets))

    def named(self, plan: str) -> Planned | None:
        """Return a plan, None if there is none of that name."""
        return next(iter(by_plan(stops_since(self.reader, 0, plan=plan))), None) if plan else None

    def enter(self, person: Person, said: Said) -> Outcome:
        """Enter a planned stop as somebody says it.

        Raises ForbiddenError if they may not, RecordError if it makes no sense, and UnavailableError if
        nobody answers: sent again under the same name it is entered once.
        """
        about = f"{said.site or said.machine}: {said.begins} to {said.ends}"
        return self._do(person, "plan", said.plan, about, lambda: self.planning.commands(said))

    def cancel(self, person: Person, planned: Planned) -> Outcome:
        """Cancel the stops of a plan that are not over, and end those under way; raises as `enter` does."""
        now_ms = self.seen_ms()
        left = [stop for stop in planned.stops if stop.is_left(now_ms)]

        def commands() -> list[StopCommand]:
            if not left:
                raise RecordError(f"plan {planned.first.plan}: it is over, or cancelled already")
            return cancelling(left, person.name, self.clock(), now_ms)

        return self._do(person, "cancel-plan", planned.first.plan, planned.about, commands)

    def _do(
        self, person: Person, action: str, plan: str, about: str, commands: Callable[[], list[StopCommand]]
    ) -> Outcome:
        try:
            person.require("plan")
            if self.work.plan is None:
                raise ForbiddenError(self.work.why)
            asked = commands()
            self._write(person, action, plan, "asked", f"{about}, machines: {len(asked)}")
            answers = self.work.plan(asked)
        except ChillcastError as error:
            self._write(person, action, plan, result_of(error), str(error))
            raise
        found = Outcome(
            tuple(answer.stop for answer in answers if answer.accepted and answer.stop),
            tuple((answer.asset, answer.reason) for answer in answers if not answer.accepted),
        )
        result = "done" if found.stops else "refused"
        self._write(person, action, plan, result, "; ".join(f"{a}: {why}" for a, why in found.refused))
        await_stops(self.reader, found.stops)
        return found

    def _write(self, person: Person, action: str, plan: str, result: str, detail: str) -> None:
        if self.work.audit is not None:
            self.work.audit.write(person, Deed(action, f"plan {plan}", result, detail))


def plan_name(*told: object) -> str:
    """Return the name of a plan: of the same words the same, without any another each time."""
    told = told or (uuid.uuid4().hex,)
    return hashlib.sha256(repr(told).encode("utf-8", "replace")).hexdigest()[:10]
