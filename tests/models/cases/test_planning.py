"""What planners say becomes a command for each machine, in UTC, or a clear answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from models.cases.planning import Planning, Said, cancelling
from models.cases.stops import PlannedStop
from models.errors import RecordError
from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes
from tests.support.page import FLEET

HAMBURG = {"plant": "Hamburg", "timezone": "Europe/Berlin"}
KNOWN = Inventory(
    {
        "CH-0012": HAMBURG,
        "CH-0013": HAMBURG,
        "CH-0014": {**HAMBURG, "timezone": "Asia/Tokyo"},
        "CH-0015": {"plant": "Osaka"},
        "CH-0016": {"timezone": "Mars"},
    }
)
LOCAL = st.integers(26_000_000, 31_000_000).map(
    lambda minutes: datetime.fromtimestamp(60 * minutes, UTC).replace(tzinfo=None)
)
PLANNING = Planning(FLEET, SiteTimes(KNOWN))
SAID = Said(
    plan="p", who="ann", time_ms=1_790_000_000_000, as_of_ms=0, begins="2026-12-24", ends="2026-12-27"
)


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_a_service_on_tuesday_is_one_command_in_utc() -> None:
    said = replace(
        SAID, machine="CH-0012", begins="2026-12-01T08:00", ends="2026-12-01T16:00", text="service"
    )
    (command,) = PLANNING.commands(said)
    assert (command.from_ms, command.until_ms) == (utc("2026-12-01T07:00"), utc("2026-12-01T15:00"))
    assert (command.asset, command.site, command.text, command.action) == ("CH-0012", "", "service", "plan")


def test_a_plant_is_down_on_whole_days_each_machine_by_its_own_clocks() -> None:
    found = {c.asset: c for c in PLANNING.commands(replace(SAID, site="Hamburg"))}
    assert sorted(found) == ["CH-0012", "CH-0013", "CH-0014"]
    assert {c.plan for c in found.values()} == {"p"}
    assert len({c.id for c in found.values()}) == 3
    berlin, tokyo = found["CH-0012"], found["CH-0014"]
    assert (berlin.from_ms, berlin.until_ms) == (utc("2026-12-23T23:00"), utc("2026-12-27T23:00"))
    assert (tokyo.from_ms, tokyo.until_ms) == (utc("2026-12-23T15:00"), utc("2026-12-27T15:00"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"machine": "CH-0012", "site": "Hamburg"}, "machine and site: expected one of them"),
        ({}, "machine and site: expected one of them"),
        ({"machine": "pump <b>"}, "machine = 'pump <b>': expected one like"),
        ({"site": "Kiel"}, "site = 'Kiel': expected one of Hamburg, Osaka"),
        (
            {"site": "Hamburg", "begins": "Christmas"},
            "from = 'Christmas': expected a date or time of the site",
        ),
        ({"site": "Hamburg", "ends": "9999-12-31"}, "until = '9999-12-31'"),
        ({"site": "Hamburg", "ends": "2026-12-23"}, "until = '2026-12-23': expected an end after 2026-12-24"),
        (
            {"site": "Hamburg", "ends": "2028-12-23"},
            "until = '2028-12-23': expected at most 366 days of stop",
        ),
        (
            {"site": "Hamburg", "begins": "1969-12-31"},
            "from = '1969-12-31': expected a time from 1970 to 2199",
        ),
        (
            {"site": "Hamburg", "ends": "2200-01-02"},
            "until = '2200-01-02': expected a time from 1970 to 2199",
        ),
        ({"machine": "CH-0012", "begins": "0001-01-01T00:00"}, "from = '0001-01-01T00:00': expected a date"),
        ({"machine": "CH-0012", "begins": "2026-03-29T02:30"}, "2026-03-29T01:30 or 2026-03-29T03:30"),
        ({"machine": "CH-0012", "begins": "2026-10-25T02:30"}, "02:30+02:00 or 2026-10-25T02:30+01:00"),
        ({"machine": "CH-0016"}, "expected a time with an offset: the inventory has timezone = 'Mars'"),
        ({"machine": "CH-0012", "text": "x" * 501}, "text"),
        ({"machine": "CH-0012", "who": "a\nb"}, "who"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_was_expected(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        PLANNING.commands(replace(SAID, **changes))
    assert reason in str(caught.value)


@given(LOCAL)
def test_a_plan_that_is_taken_is_shown_as_it_was_said(begins: datetime) -> None:
    begins = begins.replace(second=0, microsecond=0)
    said = replace(SAID, machine="CH-0012", begins=begins.isoformat(timespec="minutes"), ends="2031-01-01")
    try:
        (command,) = PLANNING.commands(replace(said, ends=f"{begins.date()}T23:59"))
    except RecordError:
        return
    assert PLANNING.times.said("CH-0012", command.from_ms)[:16] == begins.isoformat(" ", "minutes")
    assert command.until_ms > command.from_ms


def test_every_stop_of_a_plan_is_cancelled_and_twice_is_once() -> None:
    about: dict[str, Any] = {"plan": "p", "from_ms": 1, "until_ms": 9, "planned_until_ms": 9, "who": "ann"}
    stops = [PlannedStop(asset=asset, time_ms=1, **about) for asset in ("a", "b")]
    first, again = (cancelling(stops, "bob", 5, 5) for _ in range(2))
    assert first == again
    assert [(c.asset, c.action, c.who) for c in first] == [("a", "cancel", "bob"), ("b", "cancel", "bob")]
    assert [c.asset for c in cancelling([replace(stops[0], until_ms=5), stops[1]], "bob", 5, 5)] == ["b"]
    with pytest.raises(RecordError, match="plan p: it is over, or cancelled already"):
        cancelling(stops, "bob", 9, 9)
    assert first[0].id != PLANNING.commands(replace(SAID, machine="CH-0012"))[0].id
