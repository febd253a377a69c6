"""What is assumed of crews, parts and findings: each a number with a range, an adverse end and a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Literal, get_args

from pydantic import Field

from models.errors import ConfigError
from models.fleet.config import means, refuse, table

End = Literal["low", "high"]
ENDS: tuple[End, ...] = get_args(End)


@dataclass(frozen=True, slots=True)
class Terms:
    """The numbers that one run of the crews goes by; `Assumptions` says what each of them means."""

    machines_per_crew: float
    shift_from_h: float
    shift_h: float
    work_days: float
    acted_share: float
    triage_h: float
    emergency_response_h: float
    visit_h: float
    diagnosis_h: float
    repair_h: float
    planned_ratio: float
    spread: float
    parts_share: float
    parts_d: float
    express_ratio: float
    miss_share: float
    visible_severity: float
    induced_share: float
    sudden_factor: float
    calendar_d: float


@table
class Assumption:
    """A number that is assumed; it is swept from ``low`` to ``high``, of which ``adverse`` hurts."""

    value: Annotated[float, Field(ge=0), means("what is assumed")]
    low: Annotated[float, Field(ge=0), means("the least that is tried")]
    high: Annotated[float, Field(ge=0), means("the most that is tried")]
    adverse: Annotated[End, means("which of the two is worse for alerts")]
    source: Annotated[str, Field(min_length=1), means("where it comes from; `judgement` if from nowhere")]

    def at(self, end: End) -> float:
        """Return the number at one end."""
        return self.low if end == "low" else self.high


@table
class Assumptions:
    """All that is assumed of who works on machines; shares lie between 0 and 1."""

    machines_per_crew: Annotated[Assumption, means("machines that one crew looks after")]
    shift_from_h: Annotated[Assumption, means("hour of the day, UTC, at which a shift begins")]
    shift_h: Annotated[
        Assumption, means("hours of a shift; planned work begins in one and has to fit into it")
    ]
    work_days: Annotated[Assumption, means("days of a week with a shift, from Monday; on call is every day")]
    acted_share: Annotated[Assumption, means("share of cases that anybody acts on")]
    triage_h: Annotated[Assumption, means("hours from a case to the order for a visit")]
    emergency_response_h: Annotated[Assumption, means("hours from a stop until a free crew can be there")]
    visit_h: Annotated[Assumption, means("hours of a visit, way there included")]
    diagnosis_h: Annotated[
        Assumption, means("hours of looking for the fault after a stop; none if it is known")
    ]
    repair_h: Annotated[Assumption, means("hours of the repair after a stop (median)")]
    planned_ratio: Annotated[Assumption, means("length of a planned repair to one after a stop")]
    spread: Annotated[Assumption, means("standard deviation of the logarithm of repairs and deliveries")]
    parts_share: Annotated[Assumption, means("share of repairs that need a part which is not there")]
    parts_d: Annotated[Assumption, means("days until such a part comes (median)")]
    express_ratio: Annotated[Assumption, means("time until a part comes after a stop, to the usual one")]
    miss_share: Annotated[Assumption, means("share of faults that a visit misses")]
    visible_severity: Annotated[
        Assumption, means("severity below which nobody can find a fault (trips are at 1)")
    ]
    induced_share: Annotated[Assumption, means("share of repairs that make another stop within a week")]
    sudden_factor: Annotated[Assumption, means("stops that nobody can foresee, to those of the simulator")]
    calendar_d: Annotated[Assumption, means("days between two visits of the calendar to a machine")]

    @property
    def each(self) -> dict[str, Assumption]:
        """Return the assumptions by name, in their order."""
        return {field.name: getattr(self, field.name) for field in fields(Terms)}

    def terms(self, ends: Mapping[str, End] | None = None) -> Terms:
        """Return the numbers as assumed, but for those that are taken at one of their ``ends``."""
        ends = ends or {}
        return Terms(**{k: a.at(ends[k]) if k in ends else a.value for k, a in self.each.items()})

    @property
    def adverse(self) -> dict[str, End]:
        """Return for each assumption the end that hurts."""
        return {name: one.adverse for name, one in self.each.items()}

    @property
    def kind(self) -> dict[str, End]:
        """Return for each assumption the end that helps."""
        return {name: "low" if one.adverse == "high" else "high" for name, one in self.each.items()}


_SHARES = ("acted_share", "parts_share", "miss_share", "induced_share")
_LIMITS = {
    **dict.fromkeys(_SHARES, (0.0, 1.0)),
    "machines_per_crew": (1.0, 1e6),
    "shift_from_h": (0.0, 23.0),
    "shift_h": (1.0, 24.0),
    "work_days": (1.0, 7.0),
    "sudden_factor": (0.0, 2.0),
    "calendar_d": (1.0, 1e6),
}


def meaning_of(name: str) -> str:
    """Return what an assumption means, in words."""
    return str(Assumptions.__pydantic_fields__[name].description)  # type: ignore[attr-defined]


def check_assumptions(given: Assumptions, source: str) -> None:
    """Refuse ranges that do not hold their value, or numbers that mean nothing; ConfigError says which."""
    refuse([fault for name, one in given.each.items() for fault in _wrong(name, one, source)])


def _wrong(name: str, one: Assumption, source: str) -> list[ConfigError]:
    low, high = _LIMITS.get(name, (0.0, 1e6))
    key = f"assumptions.{name}"
    if not one.low <= one.value <= one.high:
        return [ConfigError(source, f"{key}.value", one.value, f"between {one.low:g} and {one.high:g}")]
    out = [end for end in ENDS if not low <= one.at(end) <= high]
    return [ConfigError(source, f"{key}.{end}", one.at(end), f"{low:g} to {high:g}") for end in out]
