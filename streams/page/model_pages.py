"""The page of models: champion and challenger side by side, what came of their risks, and who is to score."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from models.errors import ChillcastError, ForbiddenError, ModelError
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.registry.promotion import CHALLENGER, CHAMPION, Promotion, Role
from streams.access.audit import Audit, Deed
from streams.access.roles import Person
from streams.page.backstage import Backstage, Told, Wanted
from streams.page.champion_drift import read_concerns
from streams.page.door import person_of
from streams.page.forms import Tokens, read_form
from streams.page.live_calibration import calibrate, shutdowns_since
from streams.page.record_list import WantedLines
from streams.page.weeks import DAYS, Strip
from streams.stores.store import Reader

LONGEST_REASON = 500
_NUMBER = re.compile(r"[0-9]{1,15}")
_ONLY_SHOWS = "The page was started to show alone: chillcast models promote and rollback change who scores."


class ModelPages:
    """Answers what is asked of models; ``strips`` are the risks of the last weeks."""

    def __init__(
        self,
        reader: Reader,
        fleet: Fleet,
        backstage: Backstage,
        strips: Callable[[], Awaitable[tuple[int, Sequence[Strip]]]],
        render: Callable[..., bytes],
        tokens: Tokens,
        audit: Audit | None = None,
    ) -> None:
        self.reader, self.fleet, self.backstage, self.strips = reader, fleet, backstage, strips
        self.render, self.tokens, self.audit = render, tokens, audit

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("/models", self.models), Route("/models", self.decide, methods=["POST"])]

    async def models(self, request: Request) -> Response:
        """Show which model scores, how its challenger does, and what came of the risks."""
        return await self._shown(request)

    async def decide(self, request: Request) -> Response:
        """Promote, shadow or roll back as a form asks; what is refused says why, and what it would take."""
        form = await read_form(request)
        self.tokens.check(request, form.get("token", ""))
        try:
            await run_in_threadpool(decided, self.backstage, self.audit, wanted(form), person_of(request))
        except ModelError as error:
            return await self._shown(request, problem=str(error), form=form, status=409)
        return RedirectResponse("/models", 303)

    async def _shown(
        self,
        request: Request,
        *,
        problem: str = "",
        form: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        now_ms, strips = await self.strips()
        horizon_d, person = self.fleet.alerting.horizon_d, person_of(request)

        def read() -> dict[str, Any]:
            shutdowns = shutdowns_since(self.reader, now_ms - (DAYS + 1) * DAY_MS)
            told = tell(self.backstage)
            calibration = calibrate(strips, shutdowns, now_ms, horizon_d)
            moved = self._moved(now_ms, told["retraining"].get("runs", ()))
            return {**told, **moved, "promotions": told["promotions"][::-1], "calibration": calibration}

        may = self.backstage.decide is not None and person.may("models")
        reads = self.audit is not None and person.may("audit")
        shown = {"may": may, "reads": reads, "problem": problem, "form": form or {}}
        values = {**await run_in_threadpool(read), **shown}

        def fill(token: str) -> bytes:
            return self.render("models.html", **values, token=token)

        return await self.tokens.shown(request, fill, status)

    def _moved(self, now_ms: int, runs: Sequence[Told]) -> dict[str, Any]:
        about, worth = read_concerns(self.reader, now_ms, runs)
        return {"concerns": about, "worth": worth, "on_record": self._on_record}

    def _on_record(self, run: Told) -> str:
        """Return where the record says what a retraining did."""
        words = f"retraining {run['number']} of"
        return WantedLines(kind="retraining", fleet=self.fleet.name, q=words).link()


def tell(backstage: Backstage) -> dict[str, Any]:
    """Return all that is known of the models: roles, promotions, the live comparison, retrainings.

    ``unread`` says why promotions cannot be read, empty if they can.
    """
    promotions, unread = _promoted(backstage)
    return {
        "unread": unread,
        "promotions": promotions,
        "present": present(backstage, promotions),
        "seen": promotions[-1].number if promotions else 0,
        "fares": _tried(backstage.fares),
        "retraining": _tried(backstage.retraining),
    }


def _promoted(backstage: Backstage) -> tuple[list[Promotion], str]:
    try:
        return list(backstage.promotions() if backstage.promotions else ()), ""
    except ChillcastError as error:
        return [], str(error)


def present(backstage: Backstage, promotions: Sequence[Promotion]) -> dict[Role, Told]:
    """Return what bundles with a role say of themselves; a champion is not its own challenger."""
    found: dict[Role, Told] = {p.role: {"promotion": p} for p in promotions}
    if CHALLENGER in found and CHAMPION in found:
        versions = [found[role]["promotion"].version for role in (CHALLENGER, CHAMPION)]
        if versions[0] == versions[1]:
            del found[CHALLENGER]
    ask = backstage.manifest
    return {role: {**one, **(ask(one["promotion"]) if ask else {})} for role, one in found.items()}


def wanted(form: Mapping[str, str]) -> Wanted:
    """Return what a form asks; HTTPException if it makes no sense."""
    reason, version = form.get("reason", "").strip(), form.get("version", "").strip()
    action, seen = form.get("action", ""), form.get("seen", "")
    if action not in ("promote", "shadow", "rollback"):
        raise HTTPException(400, f"action = {action[:20]!r}: expected promote, shadow or rollback")
    if not 0 < len(reason) <= LONGEST_REASON:
        raise HTTPException(
            400, f"reason: expected words of 1 to {LONGEST_REASON} characters; it is recorded"
        )
    if (action == "rollback") == bool(version) or not _NUMBER.fullmatch(version or "0"):
        raise HTTPException(400, f"version = {version[:20]!r}: expected the number of a version")
    if not _NUMBER.fullmatch(seen):
        raise HTTPException(400, f"seen = {seen[:20]!r}: expected the number of a promotion")
    override = form.get("override", "") == "yes"
    return Wanted(
        reason=reason, version=version, shadow=action == "shadow", override=override, seen=int(seen)
    )


def decided(backstage: Backstage, audit: Audit | None, wish: Wanted, person: Person) -> Told:
    """Do what somebody wants, if they may; that they may not is on record.

    Raises ForbiddenError, and ModelError with the reasons if it is refused.
    """
    if backstage.decide is None:
        raise ForbiddenError(_ONLY_SHOWS)
    try:
        person.require("models")
    except ForbiddenError as error:
        if audit is not None:
            about = f"model {wish.version or 'champion'}"
            audit.write(person, Deed(_action(wish), about, "forbidden", str(error)))
        raise
    return backstage.decide(wish, person)


def _action(wish: Wanted) -> str:
    return "promote model" if wish.version else "roll back model"


def _tried(ask: Callable[[], Told] | None) -> Told:
    """Return what is told, or why nothing is."""
    try:
        return ask() if ask else {}
    except ChillcastError as error:
        return {"problem": str(error)}


def shown(told: Mapping[str, Any], kind: type) -> Any:
    """Return what is told as a type of the API."""
    return msgspec.convert(msgspec.to_builtins(told), kind)
