"""Which lines of the record of changes are asked for: of a kind, a fleet or a person, by time and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["models", "retraining", "cases", "plans", "notices", "data", "people", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_BEGINNINGS: Mapping[Kind, tuple[str, ...]] = {
    "models": ("model ", "alias ", "a booster", "file "),
    "retraining": ("retraining ",),
    "cases": ("case ",),
    "plans": ("plan ",),
    "notices": ("silence ",),
    "data": ("dead letters", "features "),
    "people": ("user ", "token ", "provider"),
}
_OF_FLEETS: tuple[Kind, ...] = ("models", "retraining")
_OF = " of "
FOLDED = "folded"
"""What folds the case of a text in SQL: `lower` knows the letters of English alone."""
_WORDS = f"{FOLDED}(who || ' ' || action || ' ' || about || ' ' || result || ' ' || detail)"
Clause = tuple[str, list[str | int]]


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """What is asked for; what is empty, or 0, does not matter.

    Of the lines in [since_ms, until_ms), the newest first, ``most`` from ``start`` on. ``who`` is the whole
    name, in any case; ``words`` stand somewhere in the line as they are.
    """

    kind: Kind | Literal[""] = ""
    fleet: str = ""
    who: str = ""
    words: str = ""
    since_ms: int = 0
    until_ms: int = 0
    start: int = 0
    most: int = 50

    def clause(self) -> Clause:
        """Return the condition in SQL, and what it is given."""
        parts: list[Clause] = [("time_ms >= ?", [self.since_ms])]
        if self.until_ms:
            parts.append(("time_ms < ?", [self.until_ms]))
        if self.kind:
            parts.append(_of_kind(self.kind))
        if self.fleet:
            parts.append(_of_fleet(self.fleet))
        if self.who:
            parts.append((f"{FOLDED}(who) = ?", [self.who.casefold()]))
        if self.words:
            parts.append((f"instr({_WORDS}, ?)", [self.words.casefold()]))
        return " AND ".join(text for text, _ in parts), [one for _, given in parts for one in given]


def kind_of(about: str) -> Kind:
    """Return the kind of what a line is about.

    >>> kind_of("retraining 3 of chiller"), kind_of("user ann"), kind_of("the weather")
    ('retraining', 'people', 'other')
    """
    return next((kind for kind, begins in _BEGINNINGS.items() if about.startswith(begins)), "other")


def fleet_of(about: str) -> str:
    """Return the fleet that a line is about, empty if it names none.

    >>> fleet_of("model 3 of chiller"), fleet_of("plan of Hamburg")
    ('chiller', '')
    """
    return about.rpartition(_OF)[2] if kind_of(about) in _OF_FLEETS and _OF in about else ""


def _of_kind(kind: Kind) -> Clause:
    """Return the condition that ``about`` begins as one of the kind does."""
    if kind == "other":
        known = [begin for begins in _BEGINNINGS.values() for begin in begins]
        text, given = _begins(known)
        return f"NOT {text}", given
    return _begins(_BEGINNINGS[kind])


def _begins(beginnings: list[str] | tuple[str, ...]) -> Clause:
    test = " OR ".join(["substr(about, 1, ?) = ?"] * len(beginnings))
    return f"({test})", [one for begin in beginnings for one in (len(begin), begin)]


def _of_fleet(fleet: str) -> Clause:
    end = _OF + fleet
    text, given = _begins([begin for kind in _OF_FLEETS for begin in _BEGINNINGS[kind]])
    return f"{text} AND substr(about, -?) = ?", [*given, len(end), end]
