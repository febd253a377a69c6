"""What a planner says, "plant Hamburg is down 24–27 December", as one command for each machine."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from models.cases.book import Answer
from models.cases.stops import LONGEST_D, PlannedStop, StopCommand, made
from models.errors import RecordError
from models.event_time import DAY_MS, LATEST_MS
from models.fleet.config import suggestion
from models.fleet.fleet import Fleet
from models.fleet.site_times import SiteTimes, instead
from models.fleet.sites import Sites

_NAMED = 20  # of a large fleet not all are named
_EXPECTED = "a date or time of the site, as 2026-12-24 or 2026-12-24T08:00"


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A planned stop of a ``machine``, or of a ``site``, ``begins`` and ``ends`` as its site writes times.

    An end that is a date is the whole of that day. ``plan`` names it, ``time_ms`` is the clock of ``who``,
    and ``as_of_ms`` up to when they see the machines.
    """

    plan: str
    who: str
    time_ms: int
    as_of_ms: int
    begins: str
    ends: str
    machine: str = ""
    site: str = ""
    text: str = ""


class Planning:
    """Makes commands of what is said; the inventory knows sites and zones."""

    def __init__(self, fleet: Fleet, times: SiteTimes) -> None:
        self.fleet, self.times, self.sites = fleet, times, Sites(times.inventory)

    def commands(self, said: Said) -> list[StopCommand]:
        """Return a command for each machine; RecordError names what of it makes no sense."""
        return [self._command(said, asset) for asset in self.machines(said.machine, said.site)]

    def machines(self, machine: str, site: str) -> Sequence[str]:
        """Return a machine alone, or all of a site; RecordError if there is none, or both are named."""
        if bool(machine) == bool(site):
            raise RecordError("machine and site: expected one of them")
        if machine:
            if not self.fleet.knows(machine):
                raise RecordError(f"machine = {machine[:64]!r}: expected one like {self.fleet.asset_pattern}")
            return [machine]
        found = self.sites.machines(site)
        if not found:
            known = ", ".join(self.sites.names[:20]) or "none: the inventory tells no site"
            raise RecordError(f"site = {site[:64]!r}: expected one of {known}")
        return found

    def asked_for(self, machine: str, site: str) -> Sequence[str] | None:
        """Return the machine, or all of the site, that a list is asked for; None if neither is named.

        Raises RecordError as `machines` does.
        """
        return self.machines(machine, site) if machine or site else None

    def check_known(self, machine: str, heard: Collection[str]) -> None:
        """Refuse a machine that is neither in the inventory nor ``heard`` of: RecordError names those."""
        known = {*heard, *self.times.inventory.machines}
        if machine not in known:
            told = suggestion(machine, sorted(known)[:_NAMED]) if known else "none is known"
            raise RecordError(f"machine = {machine[:64]!r}: expected a machine of the fleet: {told}")

    def _command(self, said: Said, asset: str) -> StopCommand:
        about = {"plan": said.plan, "asset": asset, "action": "plan", "site": said.site, "text": said.text}
        span = {
            "from_ms": self._moment("from", asset, said.begins, self.times.read),
            "until_ms": self._moment("until", asset, said.ends, self.times.read_end),
        }
        lasts_ms = span["until_ms"] - span["from_ms"]
        if lasts_ms <= 0:
            raise RecordError(f"until = {said.ends[:40]!r}: expected an end after {said.begins}")
        if lasts_ms > LONGEST_D * DAY_MS:
            raise RecordError(f"until = {said.ends[:40]!r}: expected at most {LONGEST_D} days of stop")
        by = {"who": said.who, "time_ms": said.time_ms, "as_of_ms": said.as_of_ms}
        return made({"id": command_id(said.plan, asset, "plan"), **about, **span, **by})

    def _moment(self, key: str, asset: str, text: str, read: Callable[[str, str], int]) -> int:
        try:
            found_ms = read(asset, text)
        except ValueError as error:
            raise RecordError(f"{key} = {text[:40]!r}: expected {instead(error, _EXPECTED)}") from error
        if not 0 <= found_ms < LATEST_MS:
            raise RecordError(f"{key} = {text[:40]!r}: expected a time from 1970 to 2199")
        return found_ms


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a plan: the stops as they are now, and the machines of which it was refused, and why."""

    stops: tuple[PlannedStop, ...]
    refused: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> Outcome:
        """Return what answers to the commands of a plan come to."""
        told = list(answers)
        return cls(
            tuple(answer.stop for answer in told if answer.accepted and answer.stop),
            tuple((answer.asset, answer.reason) for answer in told if not answer.accepted),
        )

    @property
    def reasons(self) -> str:
        """Of which machines it was refused, and why; empty if it was of none."""
        return "; ".join(f"{asset}: {reason}" for asset, reason in self.refused)


def plan_name(*told: object) -> str:
    """Return the name of a plan: of the same words the same, without any another each time."""
    told = told or (uuid.uuid4().hex,)
    return hashlib.sha256(repr(told).encode("utf-8", "replace")).hexdigest()[:10]


def cancelling(stops: Iterable[PlannedStop], who: str, time_ms: int, as_of_ms: int) -> list[StopCommand]:
    """Return the commands that cancel the stops of a plan that lie ahead, and end those under way.

    Raises RecordError if all are over, or cancelled.
    """
    every = list(stops)
    left = [stop for stop in every if stop.is_left(as_of_ms)]
    if not left:
        raise RecordError(f"plan {every[0].plan}: it is over, or cancelled already")
    return [
        StopCommand(
            id=command_id(stop.plan, stop.asset, "cancel"),
            plan=stop.plan,
            asset=stop.asset,
            action="cancel",
            who=who,
            time_ms=time_ms,
            as_of_ms=as_of_ms,
            site=stop.site,
        )
        for stop in left
    ]


def command_id(plan: str, asset: str, action: str) -> str:
    """Return what tells a command from every other: of a plan a machine is asked each once."""
    return hashlib.sha256(f"{action}\n{plan}\n{asset}".encode()).hexdigest()[:32]
