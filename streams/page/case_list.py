"""Which cases are listed, as an address says it: by state, site, model, mode, who has them, and words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from starlette.exceptions import HTTPException

from models.fleet.fleet import Fleet
from models.fleet.inventory import Inventory
from models.fleet.sites import Sites
from streams.page.asked import link_to, page_of, texts_of
from streams.stores.case_query import ORDERS, WANTED_STATES, CaseQuery

WHOSE = ("anybody", "mine", "nobody")
AT_ONCE = 50
_LONGEST = 128
_VIEWS: tuple[tuple[str, dict[str, str]], ...] = (
    ("Worst first", {}),
    ("Mine", {"whose": "mine"}),
    ("Nobody has them", {"whose": "nobody"}),
    ("Seen, but nobody has them", {"state": "acknowledged", "whose": "nobody"}),
    ("Snoozed", {"state": "snoozed"}),
    ("Over", {"state": "ended", "sort": "newest"}),
    ("Resolved", {"state": "resolved", "sort": "newest"}),
)


@dataclass(frozen=True)
class Choices:
    """What may be asked for: the sites and models of the inventory, and the failure modes of the fleet."""

    inventory: Inventory
    modes: tuple[str, ...]

    @classmethod
    def of(cls, fleet: Fleet, inventory: Inventory) -> Choices:
        """Return the choices of a fleet."""
        return cls(inventory, tuple(sorted({advice.fault for advice in fleet.advice})))

    @property
    def sites(self) -> tuple[str, ...]:
        """Where machines stand."""
        return self._sites.names

    @property
    def models(self) -> tuple[str, ...]:
        """Of which models there are machines."""
        return self._values("model")

    @cached_property
    def _sites(self) -> Sites:
        return Sites(self.inventory)

    def site(self, asset: str) -> str:
        """Return where a machine stands, empty if nobody told it."""
        return self._sites.of(asset)

    def model(self, asset: str) -> str:
        """Return the model of a machine, empty if nobody told it."""
        return self.inventory.machines.get(asset, {}).get("model", "")

    def assets(self, site: str, model: str) -> Collection[str] | None:
        """Return the machines of a site and of a model, None for all there are."""
        if not (site or model):
            return None
        known = self.inventory.machines
        return [a for a in known if site in ("", self.site(a)) and model in ("", self.model(a))]

    def _values(self, key: str) -> tuple[str, ...]:
        return tuple(sorted({known[key] for known in self.inventory.machines.values() if key in known}))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for in the address."""

    state: str = "open"
    whose: str = "anybody"
    site: str = ""
    model: str = ""
    mode: str = ""
    q: str = ""
    sort: str = "worst"
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        """Return what a query asks for; raises HTTPException with key, value and what was expected."""
        given = {name: text for name, text in texts_of(cls, query, _LONGEST).items() if text}
        _expect("state", given.get("state"), WANTED_STATES)
        _expect("whose", given.get("whose"), WHOSE)
        _expect("sort", given.get("sort"), tuple(ORDERS))
        return cls(page=page_of(query), **given)

    def link(self, **other: str | int) -> str:
        """Return the address of this view, or of another that differs in what is given."""
        return link_to("/cases", replace(self, **other))  # type: ignore[arg-type]

    def query(
        self, choices: Choices, who: str, now_ms: int, start: int | None = None, most: int = AT_ONCE
    ) -> CaseQuery:
        """Return what the store is asked, of the page if no ``start`` is given; who is nobody has no case."""
        assignee = {"anybody": None, "mine": who or "\N{NULL}", "nobody": ""}[self.whose]
        return CaseQuery(
            now_ms,
            state=self.state,
            assignee=assignee,
            mode=self.mode,
            words=self.q,
            assets=choices.assets(self.site, self.model),
            order=self.sort,
            start=(self.page - 1) * AT_ONCE if start is None else start,
            most=most,
        )


def _expect(key: str, value: str | None, known: Collection[str]) -> None:
    if value is not None and value not in known:
        raise HTTPException(400, f"{key} = {value[:20]!r}: expected one of {', '.join(known)}")


VIEWS = tuple((name, Wanted.of(asked)) for name, asked in _VIEWS)
