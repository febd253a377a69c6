"""Changing a case through the API of a page, with a token: what its role may, and nothing else."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import msgspec
import requests

from chillcast.cases.shown import row
from chillcast.resources import Resources
from models.cases.case import Case
from models.errors import ConfigError, ForbiddenError, RecordError, RefusedError, UnavailableError

_ANSWER_S = 30.0


class _Shown(msgspec.Struct, frozen=True):
    """What the API answers, as far as it is needed here."""

    state: str
    case: Case


class ApiDesk:
    """Asks a page instead of a broker; who does something is whom the token names."""

    def __init__(self, resources: Resources) -> None:
        self.resources, self.settings = resources, resources.settings

    def ask(
        self, name: str, action: str, who: str | None = None, *, version: int | None = None, **more: Any
    ) -> dict[str, Any]:
        """Do something to a case; return it as it is then.

        Raises RefusedError if the case has gone on, ForbiddenError if the role may not, ConfigError for what
        cannot be, and UnavailableError if the page does not answer.
        """
        if who is not None:
            raise ConfigError("command line", "--who", who, "nobody: the token says who it is")
        body = {key: value for key, value in more.items() if value not in ("", None)}
        if action == "assign":
            body["assignee"] = more["assignee"]
        answer = self._post(f"cases/{quote(name, safe='')}/{action}", {**body, "version": version})
        shown = msgspec.json.decode(answer, type=_Shown)
        now_ms = self.resources.clock.now_ms()
        return {"done": action, **row(shown.case, self.resources.site_times, now_ms), "state": shown.state}

    def until(self, _: str, text: str) -> dict[str, Any]:
        """Return what a snooze lasts until; a date is read where the times of the sites are known."""
        return {"until": text} if text in ("worse", "cleared") else {"until": "date", "at": text}

    def _post(self, place: str, body: dict[str, Any]) -> bytes:
        address = f"{self.settings.api_url.rstrip('/')}/api/v1/{place}"
        headers = {
            "authorization": f"Bearer {self.settings.api_token.get_secret_value()}",
            "idempotency-key": uuid.uuid4().hex,
        }
        try:
            answer = requests.post(
                address, json=body, headers=headers, timeout=_ANSWER_S, allow_redirects=False
            )
        except requests.RequestException as error:
            raise UnavailableError(f"the page {self.settings.api_url} does not answer: {error}") from error
        if answer.status_code != requests.codes.ok:
            raise self._refused(answer)
        return answer.content

    def _refused(self, answer: requests.Response) -> Exception:
        """Return the error that a problem of the API is."""
        try:
            said = str(answer.json()["detail"])
        except (ValueError, KeyError, TypeError):
            return UnavailableError(f"{self.settings.api_url} is no page of chillcast: {answer.status_code}")
        if answer.status_code == requests.codes.unauthorized:
            return self.settings.wrong("api_token", "a token that holds, of the page at CHILLCAST_API_URL")
        kinds = {400: RecordError, 403: ForbiddenError, 404: RecordError, 409: RefusedError}
        return kinds.get(answer.status_code, UnavailableError)(said)
