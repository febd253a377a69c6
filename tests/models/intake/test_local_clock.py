from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from models.fleet.recording import Written
from models.intake.local_clock import LocalClock

HOUR = 3_600_000


def local(*texts: str, day: str = "2024-10-27") -> list[int]:
    return [int(datetime.fromisoformat(f"{day} {t}").replace(tzinfo=UTC).timestamp() * 1000) for t in texts]


def utc(
    times: list[int], zone: str = "Europe/Berlin", period_ms: int = 900_000, series: list[int] | None = None
) -> list[int]:
    clock = LocalClock(Written(timezone=zone), period_ms)
    return list(clock.to_utc(np.array(times), np.array(series or [0] * len(times))).tolist())


def steps(times: list[int]) -> list[float]:
    return list((np.diff(times) / HOUR).tolist())


def test_the_second_of_an_hour_that_exists_twice_is_an_hour_later() -> None:
    rows = local("01:30", "02:00", "02:30", "02:00", "02:30", "03:00")
    assert steps(utc(rows)) == [0.5] * 5


def test_rows_newest_first_are_read_alike() -> None:
    rows = local("01:30", "02:00", "02:30", "02:00", "02:30", "03:00")
    assert utc(rows[::-1]) == utc(rows)[::-1]


def test_with_a_sample_an_hour_the_same_time_again_is_the_later() -> None:
    rows = local("01:00", "02:00", "02:00", "03:00")
    assert steps(utc(rows, period_ms=HOUR)) == [1.0] * 3


def test_a_row_sent_twice_is_no_step_back() -> None:
    rows = local("02:00", "02:00", "02:30", "02:00")
    assert steps(utc(rows, period_ms=60_000)) == [0.0, 0.5, 0.5]


def test_each_series_has_its_own_order() -> None:
    rows, series = local("02:00", "02:00", "02:30", "02:30", "02:00", "02:00"), [0, 1, 0, 1, 0, 1]
    assert steps(utc(rows, series=series)[::2]) == [0.5, 0.5]


def test_parts_go_on_where_the_last_ended() -> None:
    clock = LocalClock(Written(timezone="Europe/Berlin"), 900_000)
    zero = np.zeros(2, np.int64)
    first = clock.to_utc(np.array(local("02:00", "02:30")), zero)
    second = clock.to_utc(np.array(local("02:00", "02:30")), zero)
    assert steps([*first, *second]) == [0.5] * 3
    assert clock.repeated == 4


@pytest.mark.parametrize(("rule", "hours"), [("earlier", 0.0), ("later", 1.0)])
def test_the_rule_may_be_always_the_same(rule: str, hours: float) -> None:
    found = LocalClock(Written(timezone="Europe/Berlin", repeated_hour=rule), 900_000)  # type: ignore[arg-type]
    time_ms = found.to_utc(np.array(local("02:30", "02:30")), np.zeros(2, np.int64))
    assert (time_ms - local("00:30")[0]).tolist() == [hours * HOUR] * 2


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Africa/Cairo", "America/Asuncion", "Australia/Lord_Howe"])
def test_a_year_of_hours_is_what_the_zone_says(zone: str) -> None:
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    start = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1000
    true = np.arange(start, start + 8784 * HOUR, HOUR // 2)
    shown = [datetime.fromtimestamp(t / 1000, ZoneInfo(zone)).replace(tzinfo=UTC) for t in true.tolist()]
    found = utc([int(t.timestamp() * 1000) for t in shown], zone, HOUR // 2)
    assert found == true.tolist()


@pytest.mark.parametrize(("zone", "hours"), [("+02:00", 2), ("UTC-3", -3), ("Z", 0), ("UTC", 0)])
def test_an_offset_is_a_zone(zone: str, hours: int) -> None:
    assert steps([*utc(local("12:00"), zone), *local("12:00")]) == [hours]
