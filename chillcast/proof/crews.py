"""Crews at work on one plant: a simulation from event to event, in which nothing is drawn.

A flaw that is mended before its stop averts that; sudden stops cannot be averted. A crew works one job at a
time to its end: first at machines that stand, at any hour; then, in its shift, planned repairs, then visits.
"""

from __future__ import annotations

import heapq
import math
from bisect import insort
from collections.abc import Callable, Iterable
from functools import partial

from chillcast.proof.luck import Luck
from chillcast.proof.plant import HOUR_MS, Plant, Stop
from chillcast.proof.shifts import shifts_of
from chillcast.proof.terms import Terms
from chillcast.proof.work import Call, Done, Down, Job, Kind, Record

_Action = Callable[[int], None]


def work_off(plant: Plant, calls: Iterable[Call], terms: Terms, luck: Luck) -> Record:
    """Have the crews of a plant work off calls and stops until nothing is left; return what came of it."""
    return _Crews(plant, terms, luck).run(calls)


def crews_of(plant: Plant, terms: Terms) -> int:
    """Return how many crews look after a plant: as many as are needed for all of its machines."""
    return max(math.ceil(plant.machines / terms.machines_per_crew), 1)


class _Crews:
    def __init__(self, plant: Plant, terms: Terms, luck: Luck) -> None:
        self._plant, self._terms, self._luck = plant, terms, luck
        self._shifts = shifts_of(terms)
        self._agenda: list[tuple[int, int, _Action]] = []
        self._order = 0
        self._idle = list(range(crews_of(plant, terms)))
        self._urgent: list[tuple[int, int, Job]] = []
        self._planned: list[tuple[int, int, int, Job]] = []
        self._wake_ms = -1
        self._record = Record()
        self._parts_ms: dict[int, int] = {}
        self._looks: dict[int, int] = {}
        self._stopped_ms: dict[int, int] = {}
        self._standing: dict[int, tuple[int, int, bool]] = {}
        self._worked_until_ms: dict[int, int] = {}
        self._repaired_until_ms: dict[int, int] = {}
        self._waiting: dict[int, list[_Action]] = {}

    def run(self, calls: Iterable[Call]) -> Record:
        for number, stop in enumerate(self._plant.stops):
            if self._terms.sudden_factor > stop.above:
                self._at(stop.time_ms, partial(self._stop, stop, self._row(number, stop), number))
        for call in calls:
            self._at(call.ready_ms, partial(self._call, call))
        while self._agenda:
            now_ms = self._agenda[0][0]
            while self._agenda and self._agenda[0][0] == now_ms:
                heapq.heappop(self._agenda)[2](now_ms)
            self._dispatch(now_ms)
        return self._record

    def _row(self, number: int, stop: Stop) -> int:
        return stop.flaw if stop.flaw >= 0 else self._luck.flaws + number

    def _at(self, time_ms: int, action: _Action) -> None:
        self._order += 1
        heapq.heappush(self._agenda, (time_ms, self._order, action))

    # What happens

    def _call(self, call: Call, now_ms: int) -> None:
        self._plan(Job(Kind.VISIT, call.machine, now_ms, int(self._terms.visit_h * HOUR_MS), call=call))

    def _stop(self, stop: Stop, row: int, number: int, now_ms: int) -> None:
        """Let a machine stop, unless its flaw is mended, or later if it stands already."""
        again = partial(self._stop, stop, row, number)
        if stop.flaw in self._record.mended:
            self._record.averted.append(number)
        elif stop.machine in self._standing:
            self._waiting.setdefault(stop.machine, []).append(again)
        elif self._repaired_until_ms.get(stop.machine, 0) > now_ms:
            self._at(self._repaired_until_ms[stop.machine], again)
        else:
            self._stopped(stop.machine, stop.flaw, row, now_ms)

    def _stopped(self, machine: int, flaw: int, row: int, now_ms: int) -> None:
        is_known = flaw in self._parts_ms
        self._standing[machine] = (now_ms, flaw, is_known)
        self._stopped_ms[machine] = now_ms
        there_ms = now_ms + int(self._terms.emergency_response_h * HOUR_MS)
        repair_ms = self._luck.repair_ms(row, self._terms)
        look_ms = 0 if is_known else int(self._terms.diagnosis_h * HOUR_MS)
        express_ms = self._express_ms(row)
        if is_known:
            parts_ms = min(self._parts_ms[flaw], now_ms + express_ms)
            job = Job(Kind.EMERGENCY, machine, max(there_ms, parts_ms), repair_ms, row, flaw)
        elif express_ms:
            job = Job(Kind.DIAGNOSIS, machine, there_ms, look_ms, row, flaw)
        else:
            job = Job(Kind.EMERGENCY, machine, there_ms, look_ms + repair_ms, row, flaw)
        self._at(job.ready_ms, partial(self._queue, job))

    def _express_ms(self, row: int) -> int:
        return int(self._terms.express_ratio * self._luck.parts_ms(row, self._terms))

    # Who works on what

    def _queue(self, job: Job, now_ms: int) -> None:
        self._order += 1
        heapq.heappush(self._urgent, (now_ms, self._order, job))

    def _plan(self, job: Job) -> None:
        self._order += 1
        insort(self._planned, (int(job.kind), job.ready_ms, self._order, job))

    def _dispatch(self, now_ms: int) -> None:
        while self._idle:
            job = self._next(now_ms)
            if job is None:
                return
            self._begin(job, heapq.heappop(self._idle), now_ms)

    def _next(self, now_ms: int) -> Job | None:
        """Take the most urgent job that may begin; see to it that somebody asks again if one has to wait."""
        if self._urgent:
            return heapq.heappop(self._urgent)[2]
        self._strike(now_ms)
        on_shift = self._shifts.fits(now_ms, 0)
        for place, (_, _, _, job) in enumerate(self._planned if on_shift else ()):
            if self._is_free(job.machine, now_ms) and self._shifts.fits(now_ms, job.length_ms):
                return self._planned.pop(place)[3]
        if self._planned and self._wake_ms <= now_ms:
            self._wake_ms = self._shifts.next_ms(now_ms)
            self._at(self._wake_ms, _nothing)
        return None

    def _is_free(self, machine: int, now_ms: int) -> bool:
        return machine not in self._standing and self._worked_until_ms.get(machine, 0) <= now_ms

    def _strike(self, now_ms: int) -> None:
        """Take needless work off the list."""
        kept = [one for one in self._planned if self._is_needed(one[3], now_ms)]
        self._record.needless += len(self._planned) - len(kept)
        self._planned = kept

    def _is_needed(self, job: Job, now_ms: int) -> bool:
        if job.call is None:
            return now_ms < self._plant.flaws[job.flaw].end_ms and job.flaw not in self._record.mended
        if job.call.opened_ms is None:
            return True
        if self._stopped_ms.get(job.machine, -1) >= job.call.opened_ms:
            return False
        return job.call.stem not in self._record.mended and job.call.stem not in self._parts_ms

    def _begin(self, job: Job, crew: int, now_ms: int) -> None:
        end_ms = now_ms + job.length_ms
        if job.kind is Kind.REPAIR:
            self._record.mended[job.flaw] = now_ms
            self._repaired_until_ms[job.machine] = end_ms
        if not job.kind.is_urgent:
            self._worked_until_ms[job.machine] = end_ms
        found = self._found(job, now_ms) if job.kind is Kind.VISIT else ()
        self._at(end_ms, partial(self._finish, Done(job, crew, now_ms, end_ms, found)))

    def _found(self, job: Job, now_ms: int) -> tuple[int, ...]:
        """Return the flaws that a visit finds: those that can be seen, and are neither known nor missed."""
        found = []
        for flaw in self._plant.under_way(job.machine, now_ms):
            if flaw in self._record.mended or flaw in self._parts_ms:
                continue
            if self._plant.flaws[flaw].size_at(now_ms) < self._terms.visible_severity:
                continue
            look = self._looks[flaw] = self._looks.get(flaw, -1) + 1
            if not self._luck.misses(flaw, look, self._terms):
                found.append(flaw)
        return tuple(found)

    # What comes of it

    def _finish(self, done: Done, now_ms: int) -> None:
        job = done.job
        heapq.heappush(self._idle, done.crew)
        self._record.done.append(done)
        if job.kind is Kind.VISIT:
            for flaw in done.found:
                self._order_repair(flaw, now_ms)
        elif job.kind is Kind.DIAGNOSIS:
            self._repair_when_parts_come(job, now_ms)
        else:
            self._induce(job, now_ms)
            if job.kind is Kind.EMERGENCY:
                self._run_again(job.machine, now_ms)

    def _order_repair(self, flaw: int, now_ms: int) -> None:
        ready_ms = now_ms + self._luck.parts_ms(flaw, self._terms)
        self._parts_ms[flaw] = ready_ms
        length_ms = int(self._terms.planned_ratio * self._luck.repair_ms(flaw, self._terms))
        job = Job(Kind.REPAIR, self._plant.flaws[flaw].machine, ready_ms, length_ms, flaw, flaw)
        self._at(ready_ms, lambda _: self._plan(job))

    def _repair_when_parts_come(self, job: Job, now_ms: int) -> None:
        ready_ms = now_ms + self._express_ms(job.row)
        repair_ms = self._luck.repair_ms(job.row, self._terms)
        repair = Job(Kind.EMERGENCY, job.machine, ready_ms, repair_ms, job.row, job.flaw)
        self._at(ready_ms, partial(self._queue, repair))

    def _induce(self, job: Job, now_ms: int) -> None:
        if self._luck.induces(job.row, self._terms):
            stop = Stop(job.machine, now_ms + self._luck.induced_ms(job.row))
            self._at(stop.time_ms, partial(self._stop, stop, self._luck.rows + job.row, -1))

    def _run_again(self, machine: int, now_ms: int) -> None:
        from_ms, flaw, was_known = self._standing.pop(machine)
        self._record.downs.append(Down(machine, from_ms, now_ms, flaw, was_known))
        for action in self._waiting.pop(machine, []):
            self._at(now_ms, action)


def _nothing(_: int) -> None:
    """Do nothing at a time at which a shift begins, but have the work given out."""
