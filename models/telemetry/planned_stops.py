"""Planned stops among the events of a fleet: spans in which a machine is stopped on purpose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from models.telemetry.samples import Event

PLANNED, CANCELLED = "planned-stop", "planned-stop-cancelled"


class Stopped(NamedTuple):
    """A span [from, until) of event time."""

    from_ms: int
    until_ms: int


def planned_events(kind: str, asset: str, stopped: Stopped, plan: str = "") -> list[Event]:
    """Return a planned stop, or that it is not to be, as events at its begin and end: either tells it all.

    >>> [event.code for event in planned_events(PLANNED, "a", Stopped(0, 3_600_000), "p1")][:1]
    ['1970-01-01T00:00:00.000Z/1970-01-01T01:00:00.000Z p1']
    """
    code = f"{_iso(stopped.from_ms)}/{_iso(stopped.until_ms)} {plan}".rstrip()
    return [Event(time_ms, asset, kind, code) for time_ms in stopped]


def stops_of(events: Iterable[Event]) -> Mapping[str, Sequence[Stopped]]:
    """Return the planned stops of each machine, in order and apart from each other, as events tell them.

    A cancelled one is none. A code that is no span of time says nothing.

    >>> stops_of([Event(0, "a", PLANNED, "1970-01-01T00:00Z/1970-01-01T00:01Z")])["a"]
    [Stopped(from_ms=0, until_ms=60000)]
    """
    told = [event for event in events if event.kind in (PLANNED, CANCELLED)]
    cancelled = {(event.asset, event.code) for event in told if event.kind == CANCELLED}
    found: dict[str, set[Stopped]] = defaultdict(set)
    for event in told:
        stopped = _span(event.code)
        if stopped and (event.asset, event.code) not in cancelled:
            found[event.asset].add(stopped)
    return {asset: _apart(spans) for asset, spans in found.items()}


def _span(code: str) -> Stopped | None:
    first, _, last = code.partition(" ")[0].partition("/")
    try:
        stopped = Stopped(_ms(first), _ms(last))
    except ValueError:
        return None
    return stopped if stopped.from_ms < stopped.until_ms else None


def _apart(spans: Iterable[Stopped]) -> list[Stopped]:
    """Make one of those that overlap."""
    out: list[Stopped] = []
    for span in sorted(spans):
        if out and span.from_ms <= out[-1].until_ms:
            out[-1] = Stopped(out[-1].from_ms, max(out[-1].until_ms, span.until_ms))
        else:
            out.append(span)
    return out


def _iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _ms(text: str) -> int:
    """Return the moment of ISO 8601 with an offset; ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return round(moment.timestamp() * 1000)
