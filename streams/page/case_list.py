"""Which cases are listed: by state, by who has them, by words; a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.exceptions import HTTPException

from models.cases.case import STATES, Case

WANTED_STATES = ("open", *STATES, "all")
WHOSE = ("anybody", "mine", "nobody")
AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for in the URL."""

    state: str = "open"
    whose: str = "anybody"
    q: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        """Return what a query asks for; raises HTTPException with key, value and what was expected."""
        state, whose = query.get("state") or "open", query.get("whose") or "anybody"
        page = query.get("page") or "1"
        _expect("state", state, WANTED_STATES)
        _expect("whose", whose, WHOSE)
        if not (page.isascii() and page.isdecimal() and 0 < int(page[:9]) == int(page)):
            raise HTTPException(400, f"page = {page[:20]!r}: expected a number from 1 on")
        return cls(state, whose, query.get("q", "")[:100].strip(), int(page))

    def link(self, page: int) -> str:
        """Return the address of another page of the same."""
        return "/cases?" + urlencode({"state": self.state, "whose": self.whose, "q": self.q, "page": page})

    def chosen(self, cases: Sequence[Case], who: str, now_ms: int) -> list[Case]:
        """Return those of the cases, in their order."""
        return [case for case in cases if self._takes(case, who, now_ms)]

    def _takes(self, case: Case, who: str, now_ms: int) -> bool:
        state, has = case.state(now_ms), case.assigned.name if case.assigned else ""
        fits = self.state == "all" or (case.is_open if self.state == "open" else state == self.state)
        theirs = {"mine": bool(who) and has == who, "nobody": not has}.get(self.whose, True)
        words = f"{case.case} {case.evidence.fault} {case.evidence.text}".lower()
        return fits and theirs and self.q.lower() in words


def _expect(key: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise HTTPException(400, f"{key} = {value[:20]!r}: expected one of {', '.join(known)}")
