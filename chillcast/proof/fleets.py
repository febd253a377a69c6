"""The simulated fleets of a proof, looked at some at a time, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chillcast.skill.skill_config import SkillFleet
from chillcast.skill.survey import Survey, survey
from chillcast.terminal.reporter import Advance
from models.fleet.fleet import Fleet
from models.learning.task_pool import TaskPool


@dataclass(frozen=True, slots=True)
class _Request:
    one: SkillFleet
    fleet: Fleet
    stride_s: int


def look_at(
    fleets: Sequence[SkillFleet], fleet: Fleet, stride_s: int, advance: Advance, pool: TaskPool
) -> Iterator[Survey]:
    """Simulate fleets, so many at a time, and yield in order what is seen of each; it may be let go then."""
    requests = [_Request(one, fleet, stride_s) for one in fleets]
    with pool.opened(fresh=True) as executor:
        for number, seen in enumerate(executor.map(_look, requests), 1):
            advance(number / len(requests), requests[number - 1].one.name)
            yield seen


def _look(request: _Request) -> Survey:
    return survey(request.one.name, request.one.load(), request.fleet, request.stride_s, _silent)


def _silent(share: float, text: str) -> None:
    """Show no progress: several fleets are made at a time."""
