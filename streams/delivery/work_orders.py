"""Work orders out: a signed webhook to the system that people's work is planned in."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from models.delivery.notice import Line, Parcel
from models.errors import ConfigError, UnavailableError
from models.fleet.inventory import Inventory
from models.risk.wording import sentence
from streams.delivery.signing import signed
from streams.delivery.wording import Wording
from streams.redaction import redact

SCHEMES = ("cmms+https://", "cmms+http://")
_PATIENCE_S = 10.0
_MOST_ANSWER = 64 * 1024
_REQUESTED = ("opened", "reopened", "unsnoozed", "escalated", "repeated")


class WorkOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the people who mend a machine; ``case`` names the order for as long as it lives.

    ``event`` is requested, updated, closed or test; what was left out of the inventory is null.
    """

    event: str
    key: str
    case: str
    version: int
    title: str
    description: str
    priority: str
    due_date: str | None
    asset: str
    location: str | None
    team: str | None
    estimated_duration_h: float | None
    evidence: list[str]
    link: str | None


class WorkOrderChannel:
    """Posts a work order for each case of a notice; ``now_s`` is the clock of signatures."""

    def __init__(
        self,
        name: str,
        address: str,
        wording: Wording,
        inventory: Inventory,
        durations_h: Mapping[str, float],
        secret: str,
        now_s: Callable[[], float],
    ) -> None:
        if not secret:
            expected = f"a secret that {name} knows, too: work orders are signed"
            raise ConfigError("environment", "CHILLCAST_WORK_ORDER_SECRET", "", expected)
        self.name, self.address = name, address.removeprefix("cmms+")
        self.wording, self.inventory, self.durations_h = wording, inventory, durations_h
        self.secret, self.now_s = secret, now_s

    def send(self, parcel: Parcel) -> str:
        """Post them; return what the receiver calls the last one."""
        orders = [self.order(line, parcel) for line in parcel.notice.lines] or [self._test(parcel)]
        return [self._post(order) for order in orders][-1]

    def order(self, line: Line, parcel: Parcel) -> WorkOrder:
        """Return the work order of a case."""
        case, known = line.case, self.inventory.machines.get(line.case.asset, {})
        return WorkOrder(
            event=_event(line),
            key=f"{parcel.key}/{case.case}",
            case=case.case,
            version=case.version,
            title=f"{case.asset}: {self.wording.about(line)}"[:200],
            description=self._description(line),
            priority="HIGH" if case.severity == "critical" else "MEDIUM",
            due_date=self.wording.times.date(case.asset, case.evidence.from_ms)
            if case.evidence.from_ms
            else None,
            asset=case.asset,
            location=known.get("location") or line.site or None,
            team=known.get("team"),
            estimated_duration_h=self.durations_h.get(case.evidence.fault),
            evidence=[sentence(r.label, r.said, r.usual) for r in case.evidence.sensors],
            link=self.wording.link(case) or None,
        )

    def _description(self, line: Line) -> str:
        case = line.case
        span = self.wording.span(case)
        said = (
            case.evidence.check,
            f"{case.evidence.text}{f': {span}' if span else ''}",
            self.wording.state(case),
        )
        return "\n".join(filter(None, (*said, line.words)))

    def _test(self, parcel: Parcel) -> WorkOrder:
        return WorkOrder(
            event="test",
            key=parcel.key,
            case="",
            version=0,
            title="chillcast: this is a test, nothing is to be done",
            description="",
            priority="NONE",
            due_date=None,
            asset="",
            location=None,
            team=None,
            estimated_duration_h=None,
            evidence=[],
            link=None,
        )

    def _post(self, order: WorkOrder) -> str:
        body = msgspec.json.encode(order)
        headers = {"Content-Type": "application/json", "Idempotency-Key": order.key}
        headers |= signed(self.secret, body, int(self.now_s()))
        request = urllib.request.Request(self.address, body, headers, method="POST")  # noqa: S310
        try:
            with _OPENER.open(request, timeout=_PATIENCE_S) as answer:
                return _reference(answer.read(_MOST_ANSWER))
        except urllib.error.HTTPError as error:
            said = error.read(300).decode("utf-8", "replace")
            raise UnavailableError(f"{self.name}: status {error.code} {redact(said)}".strip()) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise UnavailableError(f"{self.name}: {redact(str(error))}") from error


class _Straight(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: the order would arrive there as a question without a body."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Return nothing, which is an error for whoever asked."""


_OPENER = urllib.request.build_opener(_Straight)


def _event(line: Line) -> str:
    if not line.case.is_open:
        return "closed"
    return "requested" if line.kind in _REQUESTED else "updated"


def _reference(answer: bytes) -> str:
    """Return the id that an answer names, "" if it names none.

    >>> _reference(b'{"id": 17}'), _reference(b"taken")
    ('17', '')
    """
    try:
        said = json.loads(answer)
    except ValueError:
        return ""
    found = said.get("id") if isinstance(said, dict) else None
    return str(found) if isinstance(found, str | int) else ""
