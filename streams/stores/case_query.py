"""Which cases are asked for, and how a store is asked for them: a page of them, not all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from models.cases.case import STATES, Case
from streams.stores.case_points import read_case
from streams.stores.selection import ASSET, TIME, Condition, Selection
from streams.stores.store import Reader

WANTED_STATES = ("open", *STATES, "all")
ORDERS = {
    "worst": ("rank", False),
    "soonest": ("until_ms", False),
    "risk": ("risk", True),
    "newest": (TIME, True),
    "machine": (ASSET, False),
}
"""By which field, and whether from its highest value on."""


@dataclass(frozen=True, slots=True)
class CaseQuery:
    """Cases in a ``state`` of `WANTED_STATES` as of ``now_ms``, ``most`` from ``start`` on.

    Of these those that ``assignee`` has ("" for nobody, None for anybody), of a failure ``mode``, of some
    ``assets``, with these ``words``.
    """

    now_ms: int
    state: str = "open"
    assignee: str | None = None
    mode: str = ""
    words: str = ""
    assets: Collection[str] | None = None
    order: str = "worst"
    start: int = 0
    most: int = 50

    @property
    def selection(self) -> Selection:
        """What the store is asked."""
        by, descending = ORDERS[self.order]
        return Selection("cases", by, tuple(self._conditions()), descending, self.start, self.most)

    def _conditions(self) -> Sequence[Condition]:
        found = [*_in_state(self.state, float(self.now_ms))]
        if self.assignee is not None:
            found.append(Condition("assignee", "=", self.assignee))
        if self.mode:
            found.append(Condition("fault", "=", self.mode))
        if self.assets is not None:
            found.append(Condition(ASSET, "of", self.assets))
        return [*found, *(Condition("words", "has", word) for word in self.words.lower().split())]


def find_cases(reader: Reader, query: CaseQuery) -> tuple[int, list[Case]]:
    """Return how many cases there are, and those that are to be shown."""
    selected = reader.select(query.selection)
    return selected.found, [read_case(row) for row in selected.rows]


def _in_state(state: str, now_ms: float) -> Sequence[Condition]:
    """Return what has to be true of a case in a state, as `Case.state` says it."""
    is_open, nobody = Condition("open", "=", 1.0), Condition("acknowledged_by", "=", "")
    awake = Condition("quiet_until_ms", "<=", now_ms)
    return {
        "all": (),
        "open": (is_open,),
        "new": (is_open, awake, nobody),
        "acknowledged": (is_open, awake, Condition("acknowledged_by", "!=", "")),
        "snoozed": (is_open, Condition("quiet_until_ms", ">", now_ms)),
        "resolved": (Condition("outcome", "!=", ""),),
        "ended": (Condition("open", "=", 0.0), Condition("outcome", "=", "")),
    }[state]
