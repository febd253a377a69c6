"""What is shown, read from a store: the fleet by risk, and one machine's past."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import msgspec

from models.cases.case import Case
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.fleet.inventory import FLEET
from models.risk.wording import NO_READING
from streams.page.clocks import FleetTime, fleet_time, is_live
from streams.page.open_cases import open_cases, open_cases_before, told_of
from streams.stores.case_reader import seen_until, watermarks_of
from streams.stores.reading_points import readings_of
from streams.stores.store import Reader, Row

_RANKS = {"critical": 0, "warning": 1}
_LONGEST_CASE_MS = 120 * DAY_MS
"""A case that opened longer ago than this before a span is not looked for in it."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One line of the list; a risk is None if the newest window has no score at this horizon, or says none.

    ``case`` is its open case as it stands now. ``evidence`` is the share of what the model looks at that has
    a value in it, None if nobody says.
    ``clock_ms`` is what its clock claims, where that cannot be. Then ``as_of_ms`` is its newest window from
    before; of a machine that has none, the claim.
    """

    asset: str
    risk: float | None
    adapted: float | None
    as_of_ms: int
    is_silent: bool
    case: Case | None
    clock_ms: int | None = None
    evidence: float | None = None

    @property
    def rank(self) -> tuple[int, float, str]:
        """Order of the list: critical cases, warnings, then the rest, each by risk."""
        severity = _RANKS.get(self.case.severity if self.case else "", 2)
        return severity, 1.0 if self.risk is None else -self.risk, self.asset

    def told(self, seen_ms: int) -> Mapping[str, Any]:
        """Return it as programs are told of it, its case in the state that it has at an event time."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**own, "case": told_of(self.case, seen_ms) if self.case else None}


def _down(value: float | None) -> float:
    """Order from the highest on, those without a value last."""
    return 1.0 if value is None else -value


ORDERS: Mapping[str, Callable[[Machine], Any]] = {
    "urgent": lambda machine: machine.rank,
    "risk": lambda machine: (_down(machine.risk), machine.asset),
    "corrected": lambda machine: (_down(machine.adapted), machine.asset),
    "seen": lambda machine: (machine.as_of_ms, machine.asset),
    "name": lambda machine: machine.asset,
}
"""How machines are ordered; by when they were seen, those longest ago first."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The fleet at one time: its ``machines`` by name, the most urgent first, and their newest scores.

    ``refused`` says, the newest first, which messages of the last day could not be used. ``threshold`` is the
    risk from which the newest case of any machine opened. ``seen_ms`` is the event time as of which cases
    have the state that is shown.
    """

    time: FleetTime
    seen_ms: int
    machines: Mapping[str, Machine]
    newest: Mapping[str, Row]
    refused: Sequence[tuple[int, str]] = ()
    threshold: float | None = None

    @property
    def wrong_clocks(self) -> Sequence[Machine]:
        """Return the machines whose clock claims what cannot be."""
        return [machine for machine in self.machines.values() if machine.clock_ms is not None]


def risk_field(fleet: Fleet) -> str:
    """Return the field that holds the risk which is alerted on."""
    return f"risk_{fleet.alerting.horizon_d:g}d"


def read_overview(reader: Reader, fleet: Fleet, arrival_ms: int) -> Overview:
    """Read the newest of every machine; ``arrival_ms``, our own clock, is the latest that is believed."""
    claimed = _by_asset(reader.latest("scores"))
    ends, watermarks = [row.time_ms for row in claimed.values()], watermarks_of(reader)
    time = fleet_time(ends, arrival_ms, [] if is_live(ends, arrival_ms) else watermarks)
    shown = claimed
    if all(map(time.allows, ends)):
        cases = open_cases(reader)
    else:
        shown = claimed | _by_asset(reader.latest("scores", time.bound_ms))
        lost = [asset for asset, row in shown.items() if not time.allows(row.time_ms)]
        cases = open_cases_before(reader, time.bound_ms, lost)
    machines = [
        _machine(risk_field(fleet), row, time, cases.get(asset), claimed[asset].time_ms)
        for asset, row in shown.items()
    ]
    by_rank = {m.asset: m for m in sorted(machines, key=lambda m: m.rank)}
    seen_ms, threshold = seen_until(watermarks, arrival_ms), _threshold(reader, time)
    return Overview(time, seen_ms, by_rank, shown, _refused(reader, arrival_ms), threshold)


def _threshold(reader: Reader, time: FleetTime) -> float | None:
    newest = max(reader.latest("alerts", time.bound_ms), key=_when, default=None)
    return _number(newest, "threshold") if newest else None


def _refused(reader: Reader, arrival_ms: int) -> list[tuple[int, str]]:
    """Return when and what of the last day could not be used, the newest of each reason and partition."""
    found = [(row.time_ms, str(row.fields.get("text", ""))) for row in reader.latest("dead_letters")]
    return sorted((one for one in found if one[0] > arrival_ms - DAY_MS), reverse=True)


def read_machine(
    reader: Reader, fleet: Fleet, overview: Overview, machine: Machine, days: int
) -> dict[str, Any]:
    """Return all that is shown of one machine over its last ``days``."""
    asset, newest, risk = machine.asset, overview.newest[machine.asset], risk_field(fleet)
    end_ms = max(overview.time.now_ms, newest.time_ms) + 1
    start_ms = end_ms - days * DAY_MS
    scores = [
        r
        for r in reader.history("scores", asset, start_ms, end_ms)
        if _number(r, risk) is not None and _number(r, "adapted") is not None
    ]
    return {
        "asset": asset,
        "days": days,
        "from_ms": start_ms,
        "until_ms": end_ms,
        "as_of_ms": machine.as_of_ms,
        "clock_ms": machine.clock_ms,
        "risk": machine.risk,
        "evidence": machine.evidence,
        "model": str(newest.fields.get("model", "")),
        "scored_by": str(newest.fields.get("scored_by", FLEET)),
        "case": machine.told(overview.seen_ms)["case"],
        "threshold": overview.threshold,
        "scores": [(r.time_ms, r.fields[risk], r.fields["adapted"]) for r in scores],
        "horizons": {f"{h:g}": [_number(r, f"risk_{h:g}d") for r in scores] for h in fleet.horizons_d},
        "models": _changes((r.time_ms, str(r.fields.get("model", ""))) for r in scores),
        "episodes": _episodes(reader.history("alerts", asset, start_ms - _LONGEST_CASE_MS, end_ms), start_ms),
        "events": _events(reader.history("events", asset, start_ms, end_ms + DAY_MS)),
        "quality": _quality(reader.history("drift", asset, start_ms, end_ms)),
        "readings": readings_of(reader, asset, start_ms, end_ms),
        "explanations": [
            (r.time_ms, _sensors(r)) for r in reader.history("explanations", asset, start_ms, end_ms)
        ],
    }


def _changes(told: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return when another word came, and which; the first one is no change."""
    found: list[tuple[int, str]] = []
    last: str | None = None
    for time_ms, word in told:
        if last is not None and word != last:
            found.append((time_ms, word))
        last = word
    return found


def _episodes(rows: Iterable[Row], start_ms: int) -> list[tuple[int, int | None, str]]:
    """Return when each case opened and closed, None if it has not, and its name; none that ended before."""
    found: dict[str, tuple[int, int | None]] = {}
    for row in sorted(rows, key=_when):
        name, stage = str(row.fields.get("case", "")), row.tags.get("stage")
        opened = _number(row, "opened_ms")
        opened_ms = int(opened) if opened is not None else row.time_ms
        found[name] = (opened_ms, row.time_ms if stage == "closed" else None)
    spans = [(opened_ms, closed_ms, name) for name, (opened_ms, closed_ms) in found.items()]
    return sorted(span for span in spans if span[1] is None or span[1] >= start_ms)


def _quality(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return what was told of a machine's data, a line per kind and sensor: how often, when at last."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = row.tags.get("cause") or row.tags.get("detector", ""), row.tags.get("sensor", "")
        times: list[int] = found[key]["times"] if key in found else []
        text = str(row.fields.get("text", ""))
        times.append(row.time_ms)
        found[key] = {"detector": key[0], "sensor": key[1], "text": text, "times": times}
    return sorted(found.values(), key=lambda told: -told["times"][-1])


def _when(row: Row) -> tuple[int, str]:
    """Order alerts: at one and the same window end a case closes before the next opens."""
    return row.time_ms, row.tags.get("stage", "")


def _by_asset(rows: Iterable[Row]) -> dict[str, Row]:
    return {row.tags.get("asset", ""): row for row in sorted(rows, key=lambda row: row.time_ms)}


def _events(rows: Iterable[Row]) -> list[tuple[int, str, str]]:
    """Return time, kind and code of events; older points have the code as a field."""
    found = (
        (r.time_ms, r.tags.get("kind", ""), r.tags.get("code") or str(r.fields.get("code", ""))) for r in rows
    )
    return list(dict.fromkeys(found))


def _machine(field: str, row: Row, time: FleetTime, case: Case | None, claimed_ms: int) -> Machine:
    is_wrong = not time.allows(claimed_ms)
    return Machine(
        asset=row.tags.get("asset", ""),
        risk=_number(row, field),
        adapted=_number(row, "adapted"),
        as_of_ms=row.time_ms,
        is_silent=time.now_ms - row.time_ms > DAY_MS,
        case=case,
        clock_ms=claimed_ms if is_wrong else None,
        evidence=_number(row, "evidence"),
    )


def _sensors(row: Row) -> list[dict[str, Any]]:
    """Return the sensors behind a risk; those of before there were words are given some."""
    return [
        {
            "label": found.get("key", ""),
            "said": _plain(found, "value"),
            "usual": _plain(found, "baseline"),
            **found,
        }
        for found in _listed(row, "sensors")
    ]


def _plain(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, int | float):
        return NO_READING
    return f"{value:.3g} {found.get('unit', '')}".rstrip()


def _listed(row: Row, field: str) -> list[dict[str, Any]]:
    """Return a list that a field holds as JSON, empty if it does not."""
    try:
        return msgspec.json.decode(str(row.fields.get(field, "[]")), type=list[dict[str, Any]])
    except msgspec.DecodeError:
        return []


def _number(row: Row, name: str) -> float | None:
    value = row.fields.get(name)
    return value if isinstance(value, float) and math.isfinite(value) else None
