"""Entering planned stops for somebody, and cancelling them: allowed, asked, on record; for page and API."""

from __future__ import annotations

from collections.abc import Callable, Collection

from models.cases.planning import Outcome, Planning, Said, cancelling
from models.cases.stops import StopCommand
from models.errors import ChillcastError, ForbiddenError
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

        def commands() -> list[StopCommand]:
            return cancelling(planned.stops, person.name, self.clock(), self.seen_ms())

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
        found = Outcome.of(answers)
        self._write(person, action, plan, "done" if found.stops else "refused", found.reasons)
        await_stops(self.reader, found.stops)
        return found

    def _write(self, person: Person, action: str, plan: str, result: str, detail: str) -> None:
        if self.work.audit is not None:
            self.work.audit.write(person, Deed(action, f"plan {plan}", result, detail))
