"""Planned stops through the API of a page, with a token: what its role may, and nothing else."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from chillcast.cases.api_desk import ApiDesk
from models.errors import ConfigError


class _Stop(msgspec.Struct, frozen=True):
    """A stop of a machine, as far as it is needed here."""

    begins: str
    ends: str
    state: str


class _Shown(msgspec.Struct, frozen=True):
    """What the API answers, as far as it is needed here."""

    plan: str
    of: str
    who: str
    text: str
    stops: list[_Stop]
    refused: list[dict[str, str]]


class ApiPlanDesk(ApiDesk):
    """Asks a page instead of a broker; who does something is whom the token names."""

    def add(self, who: str | None, **said: str) -> dict[str, Any]:
        """Plan a stop, as `PlanDesk.add` takes it; return it. Raises as `ask` does."""
        names = {"begins": "from", "ends": "until"}
        body = {names.get(key, key): value for key, value in said.items() if value}
        return self._plan("plans", body, who)

    def cancel(self, plan: str, who: str | None) -> dict[str, Any]:
        """Cancel a plan, or end it now if it is under way; return it as it is then."""
        return self._plan(f"plans/{quote(plan, safe='')}/cancel", {}, who)

    def _plan(self, place: str, body: dict[str, Any], who: str | None) -> dict[str, Any]:
        if who is not None:
            raise ConfigError("command line", "--who", who, "nobody: the token says who it is")
        shown = msgspec.json.decode(self._post(place, body), type=_Shown)
        first = shown.stops[0]
        refused = "; ".join(f"{one['machine']}: {one['reason']}" for one in shown.refused)
        return {
            "plan": shown.plan,
            "of": shown.of,
            "machines": len(shown.stops),
            "from": first.begins,
            "until": first.ends,
            "state": first.state,
            "who": shown.who,
            "text": shown.text or None,
            "refused": refused or None,
        }
