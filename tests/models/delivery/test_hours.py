"""Hours and days where a machine stands."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from models.delivery.hours import Hours
from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes

BERLIN = ZoneInfo("Europe/Berlin")
HOURS = Hours(SiteTimes(Inventory({"a": {"timezone": "Europe/Berlin"}})), "UTC")


def ms(*when: int, zone: object = BERLIN) -> int:
    return int(datetime(*when, tzinfo=zone).timestamp() * 1000)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("when", "span", "days", "holds"),
    [
        ((2024, 10, 4, 22, 0), "22:00-06:00", (), True),
        ((2024, 10, 5, 5, 59), "22:00-06:00", (), True),
        ((2024, 10, 5, 6, 0), "22:00-06:00", (), False),
        ((2024, 10, 5, 5, 59), "22:00-06:00", ("fri",), True),  # the night that began on Friday
        ((2024, 10, 5, 5, 59), "22:00-06:00", ("sat",), False),
        ((2024, 10, 5, 12, 0), "", ("sat",), True),
        ((2024, 10, 27, 2, 30), "02:00-03:00", (), True),  # the hour that comes twice
    ],
)
def test_a_span_over_midnight_belongs_to_the_day_on_which_it_begins(
    when: tuple[int, ...], span: str, days: tuple[str, ...], *, holds: bool
) -> None:
    assert HOURS.within("a", ms(*when), span, days) == holds


def test_a_machine_without_a_zone_keeps_utc() -> None:
    assert HOURS.within("b", ms(2024, 10, 4, 23, 0, zone=UTC), "22:00-06:00")


@pytest.mark.parametrize("day", [(2024, 10, 26), (2024, 10, 27), (2024, 10, 28), (2024, 3, 31)])
def test_a_digest_of_the_day_is_due_at_its_time_also_when_clocks_are_changed(day: tuple[int, ...]) -> None:
    due = HOURS.last_digest(BERLIN, ms(*day, 12, 0), "day", "07:00", "mon")
    assert due == ms(*day, 7, 0)
    assert HOURS.last_digest(BERLIN, ms(*day, 6, 59), "day", "07:00", "mon") < due


def test_a_digest_of_the_week_is_due_on_its_day() -> None:
    for now in ((2024, 10, 7, 7, 0), (2024, 10, 9, 3, 0), (2024, 10, 14, 6, 59)):
        assert HOURS.last_digest(BERLIN, ms(*now), "week", "07:00", "mon") == ms(2024, 10, 7, 7, 0)
