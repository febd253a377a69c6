from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fleet import zones
from models.fleet.inventory import Inventory
from models.fleet.site_times import DoubtfulTimeError, SiteTimes

LOCAL = st.integers(26_000_000, 31_000_000).map(
    lambda minutes: datetime.fromtimestamp(60 * minutes, UTC).replace(tzinfo=None)
)
NOON_MS = 1_751_371_200_000  # 2025-07-01 12:00 UTC
TIMES = SiteTimes(Inventory({"a": {"timezone": "Europe/Berlin"}, "b": {"timezone": "Mars"}, "c": {}}))


def test_a_time_is_said_in_the_zone_of_its_site_and_in_utc_if_nobody_told_it() -> None:
    assert TIMES.said("a", NOON_MS) == "2025-07-01 14:00 CEST"
    assert TIMES.said("c", NOON_MS) == TIMES.said("z", NOON_MS) == "2025-07-01 12:00 UTC"
    assert TIMES.iso("a", NOON_MS) == "2025-07-01T14:00:00+02:00"


def test_a_time_without_an_offset_is_the_sites_own_and_one_with_it_is_not() -> None:
    assert TIMES.read("a", "2025-07-01T14:00") == NOON_MS
    assert TIMES.read("a", "2025-07-01T12:00Z") == NOON_MS
    assert TIMES.read("c", "2025-07-01T12:00") == NOON_MS


def test_a_zone_that_nobody_knows_is_shown_as_utc_and_read_only_with_an_offset() -> None:
    assert TIMES.said("b", NOON_MS) == "2025-07-01 12:00 UTC"
    assert TIMES.unknown == {"b": "Mars"}
    assert TIMES.read("b", "2025-07-01T12:00Z") == NOON_MS
    for read in (TIMES.read, TIMES.read_end):
        with pytest.raises(DoubtfulTimeError, match="an offset: the inventory has timezone = 'Mars' of b"):
            read("b", "2025-07-01")


DST = SiteTimes(
    Inventory(
        {
            "a": {"timezone": "Europe/Berlin"},
            "c": {"timezone": "Africa/Cairo"},
            "l": {"timezone": "Australia/Lord_Howe"},
        }
    )
)


@pytest.mark.parametrize(
    ("asset", "text", "says"),
    [
        ("a", "2026-03-29T02:30", "2026-03-29T01:30 or 2026-03-29T03:30: clocks are put forward over"),
        ("a", "2026-10-25T02:30", "2026-10-25T02:30+02:00 or 2026-10-25T02:30+01:00: clocks are put back"),
        ("l", "2026-04-05T01:45", "2026-04-05T01:45+11:00 or 2026-04-05T01:45+10:30"),
        ("c", "2026-04-24T00:30", "2026-04-23T23:30 or 2026-04-24T01:30"),
    ],
)
def test_a_time_that_clocks_skip_or_show_twice_is_refused_with_what_to_write(
    asset: str, text: str, says: str
) -> None:
    for read in (DST.read, DST.read_end):
        with pytest.raises(DoubtfulTimeError) as caught:
            read(asset, text)
        assert says in str(caught.value)


@pytest.mark.parametrize("text", ["0001-01-01T00:00", "9999-12-31", "", "today"])
def test_what_is_no_time_of_any_calendar_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        DST.read_end("a", text)


def test_a_time_with_an_offset_is_one_moment_also_in_an_hour_that_exists_twice() -> None:
    first, last = (DST.read("a", f"2026-10-25T02:30{offset}") for offset in ("+02:00", "+01:00"))
    assert last - first == 3_600_000
    assert DST.said("a", last) == "2026-10-25 02:30 CET"


def test_a_date_begins_with_its_first_moment_and_ends_with_its_last() -> None:
    assert DST.said("c", DST.read("c", "2026-04-24")) == "2026-04-24 01:00 EEST"
    assert DST.read_end("a", "2026-12-27") == DST.read("a", "2026-12-28T00:00")
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-12-24", 24)):
        assert DST.read_end("a", day) - DST.read("a", day) == hours * 3_600_000


@given(
    LOCAL,
    st.sampled_from("acl"),
)
def test_what_is_read_says_the_same_again_and_only_what_is_no_one_moment_is_refused(
    local: datetime, asset: str
) -> None:
    text = local.isoformat()
    moments = {ms for fold in (0, 1) if (ms := _at(local, asset, fold)) is not None}
    try:
        found = DST.read(asset, text)
    except DoubtfulTimeError:
        assert len(moments) != 1
    else:
        assert moments == {found}


def _at(local: datetime, asset: str, fold: int) -> int | None:
    """Return the moment that a site's clocks show a time, None if they do not."""
    there = local.replace(tzinfo=DST.zone(asset), fold=fold)
    back = there.astimezone(UTC).astimezone(DST.zone(asset))
    return int(there.timestamp() * 1000) if back.replace(tzinfo=None) == local else None


@pytest.mark.parametrize("name", ["", "Mars/Olympus"])
def test_a_machine_without_a_zone_costs_no_walk_through_the_files_of_zones(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    walks: list[int] = []
    names = available_timezones()

    def walk() -> set[str]:
        walks.append(1)
        return names

    monkeypatch.setattr("models.fleet.zones.available_timezones", walk)
    for cached in (zones.zone_of, zones.is_zone, zones._names):  # as in a process that has just begun
        cached.cache_clear()
    times = SiteTimes(Inventory({"a": {"timezone": name}} if name else {}))
    assert {times.said("a", minute * 60_000)[-3:] for minute in range(50)} == {"UTC"}
    assert len(walks) == 1
