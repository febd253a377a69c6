"""What programs ask of models, and have done about them: the same as people on the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

from models.errors import UnavailableError
from streams.access.audit import Audit
from streams.page import api_types as types
from streams.page.backstage import Backstage, Wanted
from streams.page.champion_drift import Concern, read_concerns
from streams.page.model_pages import decided, shown, tell
from streams.page.operations import Asked, Operation
from streams.page.views import Overview
from streams.stores.store import Reader


@dataclass(frozen=True, slots=True)
class ModelApi:
    """Operations on the models that ``backstage`` knows; what is forbidden is on record in ``audit``.

    ``overview`` says what time it is to the fleet.
    """

    reader: Reader
    backstage: Backstage
    overview: Callable[[], Awaitable[Overview]]
    audit: Audit | None

    @property
    def readings(self) -> tuple[Operation, ...]:
        """What is read."""
        summary = "Which models score, how they compare, and what trains again"
        return (Operation("models", "GET", "/models", summary, types.ModelsShown, self.models),)

    @property
    def changes(self) -> tuple[Operation, ...]:
        """What is changed; whether somebody may is asked, and put on record, where it is done."""
        done = types.ModelDecided
        return (
            Operation(
                *("promote", "POST", "/models/{version}/promote", "Make it the champion", done),
                *(self._gives(shadow=False), None, types.Promoted),
            ),
            Operation(
                *("shadow", "POST", "/models/{version}/shadow", "Make it the challenger", done),
                *(self._gives(shadow=True), None, types.RolledBack),
            ),
            Operation(
                *("rollback", "POST", "/models/rollback", "Bring back the champion before", done),
                *(self.rollback, None, types.RolledBack),
            ),
        )

    async def models(self, _: Asked) -> types.ModelsShown:
        """Return what is known of the models."""
        now_ms = (await self.overview()).time.now_ms
        return await run_in_threadpool(self._models, now_ms)

    async def rollback(self, asked: Asked) -> types.ModelDecided:
        """Bring back the champion before."""
        return await self._decide(asked, Wanted(reason=asked.body.reason, seen=asked.body.seen))

    def _gives(self, *, shadow: bool) -> Callable[[Asked], Awaitable[object]]:
        async def give(asked: Asked) -> types.ModelDecided:
            body, override = asked.body, getattr(asked.body, "override", False)
            wish = Wanted(
                reason=body.reason, version=asked.place, shadow=shadow, override=override, seen=body.seen
            )
            return await self._decide(asked, wish)

        return give

    async def _decide(self, asked: Asked, wish: Wanted) -> types.ModelDecided:
        told = await run_in_threadpool(decided, self.backstage, self.audit, wish, asked.person)
        found: types.ModelDecided = shown(told, types.ModelDecided)
        return found

    def _models(self, now_ms: int) -> types.ModelsShown:
        told = tell(self.backstage)
        if told["unread"]:
            raise UnavailableError(told["unread"])
        present: Mapping[str, Any] = told["present"]
        versions = {role: one["promotion"].version for role, one in present.items()}
        fares, runs = told["fares"], told["retraining"].get("runs", ())
        about, worth = read_concerns(self.reader, now_ms, runs)
        return types.ModelsShown(
            champion=versions.get("champion", ""),
            challenger=versions.get("challenger", ""),
            promotions=[shown(_plain(p), types.PromotionShown) for p in told["promotions"]],
            compared=shown(fares, types.ComparedShown) if "verdict" in fares else None,
            retrainings=[shown(run, types.RetrainingShown) for run in runs],
            drift=[_concern(one) for one in about],
            worth=[shown(asdict(week), types.WorthShown) for week in worth],
        )


def _concern(one: Concern) -> types.ConcernShown:
    last = one.last
    return types.ConcernShown(
        cause=last.cause,
        sensor=last.sensor,
        segment=last.segment,
        text=last.text,
        since_ms=one.since_ms,
        last_ms=last.time_ms,
        times=one.times,
        done=one.done,
    )


def _plain(promotion: Any) -> Mapping[str, Any]:
    return {name: getattr(promotion, name) for name in types.PromotionShown.__struct_fields__}
