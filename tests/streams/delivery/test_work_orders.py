"""Work orders reach a system that checks who sends them, with all that its people need."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace

from models.cases.book import CaseBook
from models.cases.case import Case
from models.delivery.notice import Line, Notice, Parcel
from models.errors import ConfigError, UnavailableError
from models.event_time import DAY_MS
from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes
from models.risk.explanation import Reason
from streams.delivery.channels import open_channels
from streams.delivery.wording import Wording
from streams.delivery.work_orders import WorkOrderChannel
from tests.support.case_life import asks, signal
from tests.support.cmms import SECRET, cmms
from tests.support.receivers import webhook

INVENTORY = Inventory({"a": {"site": "north", "location": "plant room 2", "team": "cooling"}})
WORDS = Wording("shutdown", SiteTimes(INVENTORY), "https://page.example")
APPROACH = Reason("approach", "approach temperature", "K", 4.1, 1.9, 1.0, "4.1 K", "1.9 K")


def channel(address: str, secret: str = SECRET) -> WorkOrderChannel:
    return WorkOrderChannel("cmms", address, WORDS, INVENTORY, {"fouling": 6.0}, secret, time.time)


def case(book: CaseBook | None = None) -> Case:
    said = signal("open", 20_000, severity="critical")
    told = replace(said, evidence=replace(said.evidence, sensors=(APPROACH,)))
    found = (book or CaseBook(1.0)).hear(told).case
    assert found is not None
    return found


def parcel(of: Case, kind: str = "opened", n: int = 1) -> Parcel:
    line = Line(case=of, kind=kind, site="north")
    notice = Notice(id=f"a-1/1/r0/{n}", route="r0", kind=kind, time_ms=20_000 * DAY_MS, lines=(line,))
    return Parcel(notice=notice, channel="cmms", next_ms=0)


def test_an_order_says_all_that_people_need_and_is_named_by_the_receiver() -> None:
    with cmms() as system:
        assert channel(f"cmms+http://{system.hook.address}/orders").send(parcel(case())) == "WO-0"
    (order,) = system.orders.values()
    assert {k: v for k, v in order.items() if k not in ("description", "number", "key")} == {
        "event": "requested",
        "case": "a-1728000000000",
        "version": 1,
        "title": "a: fouling, new case",
        "priority": "HIGH",
        "due_date": "2024-10-05",
        "asset": "a",
        "location": "plant room 2",
        "team": "cooling",
        "estimated_duration_h": 6.0,
        "evidence": ["approach temperature 4.1 K, usually 1.9 K"],
        "link": "https://page.example/cases/a-1728000000000",
    }
    assert order["description"].startswith(
        "clean the tubes\nLikely stop in 2–5 days: 2024-10-05 to 2024-10-09"
    )


def test_an_order_lives_with_its_case_and_one_that_comes_twice_is_one() -> None:
    book = CaseBook(1.0)
    opened = case(book)
    _, change = book.ask(asks("resolve", 1, 20_001, outcome="confirmed"))
    assert change.case is not None
    with cmms() as system:
        way = channel(f"cmms+http://{system.hook.address}/orders")
        way.send(parcel(opened))
        time.sleep(1.1)  # another second, another signature
        way.send(parcel(opened))
        assert (len(system.orders), len(system.keys)) == (1, 1)
        way.send(parcel(change.case, "resolved", 2))
    (order,) = system.orders.values()
    assert (order["event"], order["number"]) == ("closed", "WO-0")


def test_a_receiver_that_knows_another_secret_takes_nothing() -> None:
    with cmms() as system, pytest.raises(UnavailableError, match="cmms: status 401"):
        channel(f"cmms+http://{system.hook.address}/orders", "another").send(parcel(case()))
    assert (system.orders, system.refused) == ({}, 1)


@pytest.mark.parametrize("status", [302, 307, 404, 500])
def test_what_is_not_taken_is_an_error_and_nobody_is_followed_elsewhere(status: int) -> None:
    with webhook(status=status) as hook, pytest.raises(UnavailableError, match=f"status {status}"):
        channel(f"cmms+http://{hook.address}/orders").send(parcel(case()))


def test_nobody_there_is_an_error() -> None:
    with pytest.raises(UnavailableError, match=r"cmms: .*refused"):
        channel("cmms+http://127.0.0.1:9/orders").send(parcel(case()))


def test_work_orders_without_a_secret_are_refused_at_start() -> None:
    def open_orders(name: str, address: str) -> WorkOrderChannel:
        return WorkOrderChannel(name, address, WORDS, INVENTORY, {}, "", time.time)

    with pytest.raises(
        ConfigError, match="CHILLCAST_WORK_ORDER_SECRET = '': expected a secret that wo knows"
    ):
        open_channels({"wo": "cmms+https://cmms.example/hooks"}, WORDS, open_orders)
