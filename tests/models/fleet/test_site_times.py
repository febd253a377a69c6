from __future__ import annotations

import pytest

from models.errors import ConfigError
from models.fleet.inventory import Inventory
from models.fleet.site_times import SiteTimes

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


def test_a_zone_that_nobody_knows_is_named_with_its_machine() -> None:
    with pytest.raises(ConfigError, match="inventory: timezone of b = 'Mars': expected a zone of the IANA"):
        TIMES.said("b", NOON_MS)
