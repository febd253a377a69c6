"""Programs that ask too often, and those beside them."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from streams.access.rate_limit import RateLimit
from streams.delivery.signing import Signatures
from streams.page.api_limit import ApiLimit
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.page.door import Door
from streams.page.work_order_hook import PLACE as WORK_ORDERS
from tests.support.case_store import LedCases
from tests.support.cmms import SECRET
from tests.support.page import FLEET, NEWEST_MS
from tests.support.people import Hand, bearer

PLACE = "/api/v1/version"


class Pages:
    """A page, and browsers and programs of different addresses."""

    def __init__(
        self, led: LedCases, door: Door | None, audited: Door, clock: Hand, per_minute: int = 2
    ) -> None:
        limit = ApiLimit(RateLimit(per_minute, lambda: clock.now_ms / 1000), audited.audit)
        work = CaseWork(led.ask, audit=audited.audit)
        signatures = Signatures(SECRET, lambda: NEWEST_MS // 1000)
        self.app = create_app(
            led.store,
            FLEET,
            clock=lambda: NEWEST_MS,
            work=work,
            door=door,
            limit=limit,
            signatures=signatures,
        )

    def client(self, headers: dict[str, str] | None = None, address: str = "10.0.0.7") -> TestClient:
        return TestClient(self.app, "http://localhost", headers=headers, client=(address, 50000))


@pytest.fixture
def pages(led: LedCases, door: Door, clock: Hand) -> Pages:
    return Pages(led, door, door, clock)


def statuses(client: TestClient, times: int, place: str = PLACE) -> list[int]:
    return [client.get(place).status_code for _ in range(times)]


def test_a_program_that_asks_too_often_is_told_when_to_ask_again(
    pages: Pages, door: Door, clock: Hand
) -> None:
    client = pages.client(bearer(door, "lead"))
    assert statuses(client, 2) == [200, 200]
    answer = client.get(PLACE)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "More than 2 requests a minute. Ask again in 30 s."
    clock.pass_by(0.5)
    assert statuses(client, 2) == [200, 429]


def test_others_go_on_asking_also_from_the_same_address(pages: Pages, door: Door) -> None:
    assert statuses(pages.client(bearer(door, "lead")), 3)[-1] == 429
    assert statuses(pages.client(bearer(door, "viewer")), 1) == [200]


def test_a_program_cannot_ask_more_by_another_address(pages: Pages, door: Door) -> None:
    headers = bearer(door, "lead")
    asked = [pages.client(headers, f"10.0.0.{i}").get(PLACE).status_code for i in range(3)]
    assert asked == [200, 200, 429]


@pytest.mark.parametrize("place", [PLACE, "/api/fleet", "/api/v1/openapi.json"])
def test_whom_nobody_knows_is_counted_by_address_whatever_token_they_make_up(
    pages: Pages, place: str
) -> None:
    made_up = [pages.client({"authorization": f"Bearer {i}"}).get(place).status_code for i in range(3)]
    assert made_up[2] == 429
    assert 429 not in made_up[:2]
    assert statuses(pages.client(address="10.0.0.8"), 1, place) != [429]


def test_where_nobody_signs_in_another_name_is_nobody_else(led: LedCases, door: Door, clock: Hand) -> None:
    client = Pages(led, None, door, clock).client()
    asked = []
    for name in ("ann", "bob", "eve"):
        client.cookies.set("chillcast_who", name)
        asked.append(client.get(PLACE).status_code)
    assert asked == [200, 200, 429]


def test_work_orders_that_come_too_often_are_told_when_to_come_again(pages: Pages, door: Door) -> None:
    client = pages.client()
    answers = [client.post(WORK_ORDERS, content=b"{}") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[2].headers["retry-after"] == "30"
    assert answers[2].headers["content-type"] == "application/problem+json"
    (line,) = door.audit.read(words="ask too often")
    assert (line.about, line.address, line.result) == ("work orders", "10.0.0.7", "refused")
    assert pages.client(address="10.0.0.8").post(WORK_ORDERS, content=b"{}").status_code == 401


def test_pages_are_shown_as_often_as_somebody_looks(pages: Pages) -> None:
    client = pages.client()
    assert statuses(client, 5, "/healthz") == [200] * 5
    assert statuses(client, 5, "/sign-in") == [200] * 5


def test_who_asks_too_often_is_on_record_once_a_minute(pages: Pages, door: Door, clock: Hand) -> None:
    client = pages.client(bearer(door, "lead"))
    statuses(client, 6)
    statuses(pages.client(), 3)
    lines = door.audit.read(words="ask too often")
    assert [(line.who, line.via, line.about, line.address, line.result) for line in lines] == [
        ("", "", "API", "10.0.0.7", "refused"),
        ("lead program", "token", "token lead program", "10.0.0.7", "refused"),
    ]
    assert lines[0].detail == "more than 2 requests a minute"
    clock.pass_by(1)
    statuses(client, 6)
    assert len(door.audit.read(words="ask too often")) == 3


def test_the_description_says_what_is_answered_and_when_to_ask_again(pages: Pages) -> None:
    told = pages.client().get("/api/v1/openapi.json").json()
    for operations in told["paths"].values():
        for operation in operations.values():
            assert operation["responses"]["429"]["headers"]["Retry-After"]["schema"]["type"] == "integer"
