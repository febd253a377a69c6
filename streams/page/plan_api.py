"""The part of the API that is about planned stops."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from starlette.concurrency import run_in_threadpool

from models.cases.planning import Outcome, Said, plan_name
from models.cases.stops import PlannedStop
from models.errors import ForbiddenError
from streams.page import api_types as types
from streams.page.operations import Asked, NotThereError, Operation, StaleError
from streams.page.plan_work import PlanWork
from streams.page.views import Overview
from streams.stores.planned_stops import Planned, stops_of


class PlanApi:
    """Answers programs that plan; ``overview`` says of which machines there are scores."""

    def __init__(self, plans: PlanWork, overview: Callable[[], Awaitable[Overview]]) -> None:
        self.plans, self.overview = plans, overview
        self.times = plans.planning.times

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What can be asked."""
        return (
            Operation(
                *("plans", "GET", "/plans", "Planned stops that are not over, and those just over"),
                *(types.Plans, self.every, types.PlansAsked),
            ),
            Operation(
                *("plan", "POST", "/plans", "Plan a stop of a machine, or of a site", types.PlanShown),
                self.enter,
                body=types.StopPlanned,
            ),
            Operation(
                *("cancelPlan", "POST", "/plans/{plan}/cancel", "Cancel a plan, or end it now"),
                *(types.PlanShown, self.cancel),
                body=types.PlanCancelled,
            ),
        )

    async def every(self, asked: Asked) -> types.Plans:
        """Return the plans, the next first."""
        heard = (await self.overview()).machines if asked.query.machine else ()
        return await run_in_threadpool(self._every, asked.query, heard)

    async def enter(self, asked: Asked) -> types.PlanShown:
        """Enter a plan."""
        return await run_in_threadpool(self._enter, asked)

    async def cancel(self, asked: Asked) -> types.PlanShown:
        """Cancel a plan."""
        return await run_in_threadpool(self._cancel, asked)

    def _every(self, wanted: types.PlansAsked, heard: Collection[str]) -> types.Plans:
        now_ms, planning = self.plans.seen_ms(), self.plans.planning
        found = self.plans.shown(now_ms, planning.asked_for(wanted.machine, wanted.site))
        if wanted.machine and not found and not stops_of(self.plans.reader, wanted.machine):
            planning.check_known(wanted.machine, heard)
        start = (wanted.page - 1) * wanted.per_page
        shown = [self._shown(one, now_ms) for one in found[start : start + wanted.per_page]]
        return types.Plans(len(found), wanted.page, shown)

    def _enter(self, asked: Asked) -> types.PlanShown:
        who, body = _known(asked), asked.body
        said = Said(
            plan=plan_name(who, asked.key, body) if asked.key else plan_name(),
            who=who,
            time_ms=self.plans.clock(),
            as_of_ms=self.plans.seen_ms(),
            begins=body.begins,
            ends=body.ends,
            machine=body.machine,
            site=body.site,
            text=body.text,
        )
        return self._told(self.plans.enter(asked.person, said))

    def _cancel(self, asked: Asked) -> types.PlanShown:
        _known(asked)
        planned = self.plans.named(asked.place[:128])
        if planned is None:
            raise NotThereError(f"plan = {asked.place[:128]!r}: there is none")
        return self._told(self.plans.cancel(asked.person, planned))

    def _told(self, outcome: Outcome) -> types.PlanShown:
        if not outcome.stops:
            raise StaleError("; ".join(f"{asset}: {reason}" for asset, reason in outcome.refused[:20]))
        return self._shown(Planned(outcome.stops), self.plans.seen_ms(), outcome.refused)

    def _shown(
        self, planned: Planned, now_ms: int, refused: tuple[tuple[str, str], ...] = ()
    ) -> types.PlanShown:
        stop = planned.first
        return types.PlanShown(
            plan=stop.plan,
            of=planned.about,
            who=stop.who,
            text=stop.text,
            stops=[self._stop(one, now_ms) for one in planned.stops],
            refused=[types.StopRefused(asset, reason) for asset, reason in refused],
        )

    def _stop(self, stop: PlannedStop, now_ms: int) -> types.StopShown:
        return types.StopShown(
            machine=stop.asset,
            from_ms=stop.from_ms,
            until_ms=stop.until_ms,
            begins=self.times.iso(stop.asset, stop.from_ms),
            ends=self.times.iso(stop.asset, stop.until_ms),
            state=stop.state(now_ms),
        )


def _known(asked: Asked) -> str:
    """Return who asks."""
    if not asked.person.name:
        raise ForbiddenError("Who asks is not known: show a token, or sign in")
    return asked.person.name
