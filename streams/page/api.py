"""The API of version 1: cases and what is done to them, machines, the fleet. Programs do what people do."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from models.cases.case import Case
from models.cases.people import Action, made
from models.errors import ForbiddenError, RecordError
from models.fleet.fleet import Fleet
from models.fleet.site_times import instead
from streams.access.record_query import RecordQuery
from streams.page import api_types as types
from streams.page.backstage import Backstage
from streams.page.case_pages import CaseWork
from streams.page.model_api import ModelApi
from streams.page.openapi import describe
from streams.page.operations import Asked, NotThereError, Operation, StaleError
from streams.page.plan_api import PlanApi
from streams.page.plan_work import PlanWork
from streams.page.problems import API
from streams.page.views import Machine, Overview
from streams.stores.case_query import CaseQuery, find_cases
from streams.stores.case_reader import case_named, cases_of, history_of, seen_ms
from streams.stores.store import Reader


class Api:
    """Answers programs; ``overview`` is that of the page, ``version`` the release that answers."""

    def __init__(
        self,
        reader: Reader,
        fleet: Fleet,
        work: CaseWork,
        clock: Callable[[], int],
        overview: Callable[[], Awaitable[Overview]],
        version: str,
        backstage: Backstage,
    ) -> None:
        self.reader, self.fleet, self.work, self.clock = reader, fleet, work, clock
        self.overview, self.release = overview, version
        self.modes = sorted({advice.fault for advice in fleet.advice})
        plans, models = (
            PlanApi(PlanWork(reader, fleet, work, clock), overview),
            ModelApi(reader, backstage, overview, work.audit),
        )
        own = (*self._readings(), *self._changes())
        self.operations = (*own, *plans.operations, *models.readings, *models.changes)
        self._description = describe(self.operations, version)

    @property
    def routes(self) -> list[Route]:
        """Where it is served; changes stand before the case that they are made to, whose name may be any."""
        ordered = sorted(self.operations, key=lambda one: (one.method != "POST", one.path.endswith("}")))
        return [Route(f"{API}openapi.json", self.describe), *(one.route for one in ordered)]

    async def describe(self, _: Request) -> Response:
        """Describe it, as OpenAPI 3.1."""
        return JSONResponse(self._description)

    def _readings(self) -> tuple[Operation, ...]:
        return (
            Operation("version", "GET", "/version", "Which release answers", types.Version, self.version),
            Operation("fleet", "GET", "/fleet", "The fleet in figures", types.FleetSummary, self.summary),
            Operation(
                *("machines", "GET", "/machines", "Machines, the most urgent first", types.Machines),
                *(self.machines, types.MachinesAsked),
            ),
            Operation(
                *("machine", "GET", "/machines/{machine}", "One machine", types.MachineWithCases),
                self.machine,
            ),
            Operation(
                *("cases", "GET", "/cases", "The case of each machine, open or last", types.Cases),
                *(self.cases, types.CasesAsked),
            ),
            Operation("case", "GET", "/cases/{case}", "One case", types.CaseWithHistory, self.case),
            Operation(
                *("audit", "GET", "/audit", "The record of changes", types.AuditLines, self.audit),
                *(types.AuditAsked, None, "audit"),
            ),
        )

    def _changes(self) -> tuple[Operation, ...]:
        said: tuple[tuple[Action, str, type], ...] = (
            ("acknowledge", "Say that it was seen", types.Noted),
            ("unacknowledge", "Take that back", types.Noted),
            ("assign", "Give it to somebody", types.AssignedTo),
            ("comment", "Add words to its history", types.Commented),
            ("snooze", "Keep it quiet", types.SnoozedUntil),
            ("unsnooze", "Keep it quiet no longer", types.Noted),
            ("resolve", "Say what it was", types.ResolvedAs),
            ("reopen", "Take up again what is over", types.Noted),
        )
        return tuple(
            Operation(
                action,
                "POST",
                f"/cases/{{case}}/{action}",
                summary,
                types.CaseShown,
                self._does(action),
                body=body,
            )
            for action, summary, body in said
        )

    async def version(self, _: Asked) -> types.Version:
        """Say which release answers."""
        return types.Version("chillcast", self.release)

    async def summary(self, _: Asked) -> types.FleetSummary:
        """Return the fleet in figures."""
        seen = await self.overview()
        machines = list(seen.machines.values())
        cases = [machine.case.severity for machine in machines if machine.case]
        return types.FleetSummary(
            fleet=self.fleet.name,
            machines=len(machines),
            silent=sum(machine.is_silent for machine in machines),
            wrong_clocks=len(seen.wrong_clocks),
            open_cases=len(cases),
            critical_cases=cases.count("critical"),
            without_score=sum(machine.risk is None for machine in machines),
            newest_ms=seen.time.now_ms,
            horizon_d=self.fleet.alerting.horizon_d,
        )

    async def machines(self, asked: Asked) -> types.Machines:
        """Return a page of machines."""
        wanted: types.MachinesAsked = asked.query
        seen = await self.overview()
        found = [m for name, m in seen.machines.items() if wanted.q.lower() in name.lower()]
        start = (wanted.page - 1) * wanted.per_page
        shown = [_machine(machine, seen.seen_ms) for machine in found[start : start + wanted.per_page]]
        return types.Machines(len(found), wanted.page, shown)

    async def machine(self, asked: Asked) -> types.MachineWithCases:
        """Return one machine."""
        seen = await self.overview()
        found = seen.machines.get(asked.place)
        if found is None:
            raise NotThereError(f"machine = {asked.place[:128]!r}: the store has no score of it")
        cases = await run_in_threadpool(cases_of, self.reader, asked.place)
        return types.MachineWithCases(_machine(found, seen.seen_ms), [case.case for case in cases])

    async def cases(self, asked: Asked) -> types.Cases:
        """Return a page of cases."""
        return await run_in_threadpool(self._cases, asked.query)

    async def case(self, asked: Asked) -> types.CaseWithHistory:
        """Return one case."""
        return await run_in_threadpool(self._case, asked.place)

    async def audit(self, asked: Asked) -> types.AuditLines:
        """Return a page of the record of changes; none where nothing is put on record."""
        wanted: types.AuditAsked = asked.query
        if self.work.audit is None:
            return types.AuditLines(0, wanted.page, [])
        query = RecordQuery(
            kind=wanted.kind,
            fleet=wanted.fleet,
            who=wanted.who,
            words=wanted.q,
            since_ms=wanted.since_ms,
            until_ms=wanted.until_ms,
            start=(wanted.page - 1) * wanted.most,
            most=wanted.most,
        )
        found, lines = await run_in_threadpool(self.work.audit.find, query)
        return types.AuditLines(found, wanted.page, lines)

    def _cases(self, wanted: types.CasesAsked) -> types.Cases:
        query = CaseQuery(
            now_ms=self._seen_ms(),
            state=wanted.state,
            assignee=wanted.assignee,
            mode=wanted.mode,
            words=wanted.q,
            order=wanted.order,
            start=(wanted.page - 1) * wanted.per_page,
            most=wanted.per_page,
        )
        found, cases = find_cases(self.reader, query)
        if not found and wanted.mode and wanted.mode not in self.modes:
            known = ", ".join(self.modes) or "none: the fleet file has no advice"
            raise RecordError(f"mode = {wanted.mode!r}: expected one of {known}")
        return types.Cases(found, wanted.page, [self._shown(case) for case in cases])

    def _case(self, name: str) -> types.CaseWithHistory:
        case = self._named(name)
        state = case.state(self._seen_ms())
        return types.CaseWithHistory(state, case.severity, case, history_of(self.reader, case))

    def _does(self, action: Action) -> Callable[[Asked], Awaitable[object]]:
        async def do(asked: Asked) -> types.CaseShown:
            return await run_in_threadpool(self._do, action, asked)

        return do

    def _do(self, action: Action, asked: Asked) -> types.CaseShown:
        if not asked.person.name:
            raise ForbiddenError("Who asks is not known: show a token, or sign in")
        case = self._named(asked.place)
        command = made(self._about(action, asked, case))
        answer = self.work.do(self.reader, asked.person, command, case)
        if not answer.accepted:
            raise StaleError(f"{case.case}: {answer.reason}")
        return self._shown(answer.case or case)

    def _about(self, action: Action, asked: Asked, case: Case) -> dict[str, Any]:
        """Return what makes a command: of the same key, body and person it is the same command."""
        said = msgspec.to_builtins(asked.body)
        version, at = said.pop("version", None), said.pop("at", "")
        told = repr((asked.person.name, asked.key, case.case, action, sorted(said.items())))
        if said.get("until") == "date":
            said["until_ms"] = self._date(case, at)
        return {
            **said,
            "id": hashlib.sha256(told.encode()).hexdigest()[:32] if asked.key else uuid.uuid4().hex,
            "asset": case.asset,
            "case": case.case,
            "action": action,
            "version": case.version if version is None else version,
            "who": asked.person.name,
            "time_ms": self.clock(),
            "as_of_ms": self._seen_ms(),
        }

    def _date(self, case: Case, text: str) -> int:
        try:
            return self.work.times.read(case.asset, text)
        except ValueError as error:
            expected = instead(error, "a date of the site, as 2026-02-01")
            raise RecordError(f"at = {text!r}: expected {expected}") from error

    def _named(self, name: str) -> Case:
        case = case_named(self.reader, name)
        if case is None:
            raise NotThereError(f"case = {name[:128]!r}: there is none, and no machine of that name has one")
        return case

    def _shown(self, case: Case) -> types.CaseShown:
        return types.CaseShown(case.state(self._seen_ms()), case.severity, case)

    def _seen_ms(self) -> int:
        return seen_ms(self.reader, self.clock())


def _machine(machine: Machine, seen_ms: int) -> types.MachineShown:
    case = machine.case
    return types.MachineShown(
        machine=machine.asset,
        risk=machine.risk,
        corrected=machine.adapted,
        evidence=machine.evidence,
        as_of_ms=machine.as_of_ms,
        is_silent=machine.is_silent,
        severity=case.severity if case else None,
        case=case.case if case else None,
        state=case.state(seen_ms) if case else None,
        assignee=case.assigned.name if case and case.assigned else None,
        from_ms=(case.evidence.from_ms or None) if case else None,
        until_ms=(case.evidence.until_ms or None) if case else None,
    )
