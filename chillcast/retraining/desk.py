"""What the page is told of models, and does about them.

LightGBM and MLflow are imported when somebody first decides something, or a challenger is first compared.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from chillcast.resources import Resources
from chillcast.retraining.memory import memory_of
from models.errors import ChillcastError, ModelError
from models.registry.promotion import CHALLENGER, CHAMPION
from streams.access.roles import Person
from streams.page.backstage import Wanted

if TYPE_CHECKING:
    from chillcast.models.modelling import Models

_COMPARED_S = 60.0
_WAITS = "The two are being compared: this takes as long as it takes to read what both have said."


@dataclass
class ModelDesk:
    """Answers for one page; what takes long runs in a thread, and is told again for a minute."""

    resources: Resources
    _told: Mapping[str, Any] = field(default_factory=dict)
    _told_of: tuple[str, str] = ("", "")
    _due_s: float = 0.0
    _busy: threading.Lock = field(default_factory=threading.Lock)

    def fares(self) -> Mapping[str, Any]:
        """Return how the challenger does beside the champion, as far as that is known; empty without one."""
        found = [self.resources.promotions.newest(role) for role in (CHALLENGER, CHAMPION)]
        one, other = (promotion.version if promotion else "" for promotion in found)
        if not one or one == other or not self.resources.settings.broker:
            return {}
        is_known = self._told_of == (one, other)
        if not is_known or self.resources.clock.monotonic_s() >= self._due_s:
            threading.Thread(target=self._compare, args=(one, other), daemon=True).start()
        return self._told if is_known else {"waits": _WAITS}

    def retraining(self) -> Mapping[str, Any]:
        """Return the retrainings of the fleet, the newest first."""
        settings, name = self.resources.settings, self.resources.fleet.name
        memory = memory_of(settings.home_path, name).read()
        runs = [*memory.over, *([memory.present] if memory.present else [])]
        return {"runs": [msgspec.to_builtins(run) for run in reversed(runs)]}

    def decide(self, wish: Wanted, person: Person) -> Mapping[str, Any]:
        """Promote, shadow or roll back; ModelError has the reasons if it is refused or not written."""
        try:
            return self._decided(wish, person)
        except OSError as error:
            raise ModelError(f"{error.filename}: {error.strerror}") from error

    def _decided(self, wish: Wanted, person: Person) -> Mapping[str, Any]:
        models, newest = self._models(), self.resources.promotions.next_number - 1
        if wish.seen is not None and wish.seen > newest:
            raise ModelError(f"promotion {wish.seen} was not made yet: the newest is {newest}")
        if wish.seen is not None and wish.seen != newest:
            last = self.resources.promotions.all()[-1]
            raise ModelError(
                f"meanwhile {last.who or 'another'} promoted version {last.version} as {last.role}: "
                "look at it, and ask again"
            )
        if not wish.version:
            return models.rollback(reason=wish.reason, by=person)
        return models.promote(
            wish.version, reason=wish.reason, override=wish.override, shadow=wish.shadow, by=person
        )

    def _compare(self, one: str, other: str) -> None:
        if not self._busy.acquire(blocking=False):
            return
        try:
            self._told = {**self._compared(one), "challenger_version": one, "champion_version": other}
        except ChillcastError as error:
            self._told = {"problem": str(error)}
        finally:
            self._told_of = one, other
            self._due_s = self.resources.clock.monotonic_s() + _COMPARED_S
            self._busy.release()

    def _compared(self, version: str) -> Mapping[str, Any]:
        import asyncio  # noqa: PLC0415

        from chillcast.models.shadowing import judge_shadow  # noqa: PLC0415

        fares = asyncio.run(judge_shadow(self.resources.settings, self.resources.fleet, version))
        told: dict[str, Any] = msgspec.to_builtins(fares)
        return {**told.pop("pairing"), **told}

    def _models(self) -> Models:
        from chillcast.models.modelling import Models  # noqa: PLC0415

        return Models(self.resources)


def with_models(resources: Resources) -> Mapping[str, Callable[..., Any]]:
    """Return what a page is given of models; one that only shows decides nothing."""
    desk = ModelDesk(resources)
    found: dict[str, Callable[..., Any]] = {"fares": desk.fares, "retraining": desk.retraining}
    return found if resources.settings.page_writes == "nobody" else {**found, "decide": desk.decide}
