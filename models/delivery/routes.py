"""Routes: which cases are told on which channels, at what times, and how often. One TOML file."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from models.cases.case import Case
from models.delivery.hours import Day, Hours
from models.errors import ConfigError
from models.event_time import DAY_MS
from models.fleet.config import expects, means, read_table, read_toml, refuse, table
from models.fleet.zones import is_zone


def _zone(name: str) -> str:
    if not is_zone(name):
        raise ValueError(name)
    return name


_WORD = Field(min_length=1, max_length=64, pattern=r"^[\w .-]+$")
Name = Annotated[str, _WORD, expects("1 to 64 of letters, digits, space and . _ -")]
Words = Annotated[tuple[str, ...], Field(max_length=1000)]
Span = Annotated[
    str,
    Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$"),
    expects("two times of day, as 20:00-06:00"),
]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$"), expects("a time of day, as 07:00")]
Zone = Annotated[str, AfterValidator(_zone), expects("a zone of the IANA database, as Europe/Berlin")]
Above0 = Annotated[float, Field(gt=0)]


@table
class Escalation:
    """Who else is told if nobody has acknowledged a case."""

    after_h: Annotated[Above0, means("hours since the case was told on this route")]
    channels: Annotated[Words, Field(min_length=1), means("the channels")]


@table
class Route:
    """Cases that are told on some channels; each condition that is left out holds for all."""

    name: Annotated[Name, means("its name, which notices and records have")]
    channels: Annotated[
        Words, Field(min_length=1), means("names of channels; their addresses stand in `CHILLCAST_CHANNELS`")
    ]
    severities: Annotated[tuple[Literal["warning", "critical"], ...], means("severities that are told")] = ()
    sites: Annotated[Words, means("sites of the inventory: `site`, else `plant` or `building`")] = ()
    machines: Annotated[Words, means("machines")] = ()
    modes: Annotated[Words, means("suspected failure modes")] = ()
    within_d: Annotated[Above0 | None, means("only if the outcome is likely within so many days")] = None
    hours: Annotated[Span, means("the route holds between these times of day only, in the site's zone")] = ""
    days: Annotated[tuple[Day, ...], means("and on these days of the week only")] = ()
    quiet: Annotated[
        Span, means("between these times of day nothing is sent; what is still open is told when they end")
    ] = ""
    repeat_h: Annotated[
        Above0 | None, means("hours after which it is told again, while nobody has acknowledged it")
    ] = None
    group_by: Annotated[
        Literal["case", "site", "route"], means("cases that are told in one notice: those of a site, or all")
    ] = "case"
    group_wait_s: Annotated[
        Annotated[float, Field(ge=0, le=86_400)], means("seconds for which a group waits for more cases")
    ] = 30.0
    digest: Annotated[
        Literal["", "day", "week"],
        means("instead of single notices one list of all open cases and of those that ended since"),
    ] = ""
    digest_at: Annotated[Clock, means("when a digest is sent, in the site's zone or that of the file")] = (
        "07:00"
    )
    digest_day: Annotated[Day, means("on which day that of a week is sent")] = "mon"
    says_end: Annotated[bool, means("whether the end of a case that was told is told, too")] = True
    escalations: Annotated[tuple[Escalation, ...], means("who else is told if nobody acknowledges it")] = ()

    def takes(self, case: Case, site: str, hours: Hours, now_ms: int) -> bool:
        """Return whether a case of a site is told on this route now."""
        return (
            (not self.severities or case.severity in self.severities)
            and (not self.sites or site in self.sites)
            and (not self.machines or case.asset in self.machines)
            and (not self.modes or case.evidence.fault in self.modes)
            and (self.within_d is None or _days_left(case) <= self.within_d)
            and hours.within(case.asset, now_ms, self.hours, self.days)
        )


@table
class Routes:
    """A routes file."""

    zone: Annotated[Zone, means("of digests that are about no single site")] = "UTC"
    routes: Annotated[tuple[Route, ...], means("each is looked at; a case may be told on several")] = field(
        default=()
    )

    durations_h: Annotated[
        dict[str, Above0], means("hours that a work order is estimated to take, by suspected failure mode")
    ] = field(default_factory=dict)

    def named(self, name: str) -> Route | None:
        """Return the route of a name, None if there is none any more."""
        return next((route for route in self.routes if route.name == name), None)


def read_routes(path: Path, channels: Container[str], known: str) -> Routes:
    """Read a routes file, whose channels have to be among ``channels``; ``known`` names these for errors.

    Raises ConfigError with the key, its value and what was expected.
    """
    source = str(path)
    routes = read_table(read_toml(path, "routes"), Routes, source)
    refuse([*_doubled(routes, source), *_unknown(routes, channels, known, source)])
    return routes


def _doubled(routes: Routes, source: str) -> Iterator[ConfigError]:
    names = [route.name for route in routes.routes]
    for i, name in enumerate(names):
        if name in names[:i]:
            yield ConfigError(source, f"routes[{i}].name", name, "a name that no other route has")


def _unknown(routes: Routes, channels: Container[str], known: str, source: str) -> Iterator[ConfigError]:
    for i, route in enumerate(routes.routes):
        given = [(f"routes[{i}].channels", route.channels)]
        given += [
            (f"routes[{i}].escalations[{j}].channels", e.channels) for j, e in enumerate(route.escalations)
        ]
        for key, names in given:
            for name in names:
                if name not in channels:
                    yield ConfigError(source, key, name, known)


def _days_left(case: Case) -> float:
    evidence = case.evidence
    return (evidence.until_ms - evidence.time_ms) / DAY_MS if evidence.until_ms else float("inf")
