"""The simulated fleets of a proof, looked at some at a time, each in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from chillcast.skill.skill_config import SkillFleet
from chillcast.skill.survey import Survey, survey
from chillcast.terminal.reporter import Reporter
from models.fleet.fleet import Fleet


@dataclass(frozen=True, slots=True)
class _Request:
    one: SkillFleet
    fleet: Fleet
    stride_s: int


def look_at(
    fleets: Sequence[SkillFleet], fleet: Fleet, stride_s: int, reporter: Reporter, processes: int
) -> list[Survey]:
    """Simulate fleets, so many at a time, and look at their windows."""
    requests, found = [_Request(one, fleet, stride_s) for one in fleets], list[Survey]()
    spawn = multiprocessing.get_context("spawn")
    with (
        reporter.step(f"simulating {len(fleets)} fleets") as advance,
        ProcessPoolExecutor(processes, spawn, max_tasks_per_child=1) as pool,
    ):
        for request, seen in zip(requests, pool.map(_look, requests), strict=True):
            found.append(seen)
            advance(len(found) / len(requests), request.one.name)
    return found


def _look(request: _Request) -> Survey:
    return survey(request.one.name, request.one.load(), request.fleet, request.stride_s, _silent)


def _silent(share: float, text: str) -> None:
    """Show no progress: several fleets are made at a time."""
