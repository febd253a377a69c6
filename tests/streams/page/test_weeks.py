from __future__ import annotations

from pathlib import Path

import pytest

from models.event_time import DAY_MS
from streams.page.weeks import DAYS, Strip, Weeks, by_site, level_of
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point
from tests.support.reading import Counting

NOW_MS = 20_454 * DAY_MS + 7_200_000


def score(asset: str, time_ms: int, risk: float) -> Point:
    return Point("scores", {"asset": asset}, {"risk_14d": risk}, time_ms)


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    found = SqliteStore(tmp_path / "s.db")
    found.add([score("a", NOW_MS - i * DAY_MS // 4, 0.9 if i == 40 else 0.01) for i in range(4 * 28)])
    found.add([score("b", NOW_MS - 10 * DAY_MS, 0.3), score("c", NOW_MS, 0.2)])
    found.flush()
    return found


def test_a_machine_has_a_risk_per_day_the_worst_now_first_and_none_while_it_is_silent(
    store: SqliteStore,
) -> None:
    strips = {strip.name: strip for strip in Weeks(store, "risk_14d").strips(NOW_MS)}
    assert list(strips) == ["c", "a", "b"]
    assert len(strips["a"].risks) == DAYS
    assert max(risk for risk in strips["a"].risks if risk is not None) == 0.01
    assert [i for i, risk in enumerate(strips["b"].risks) if risk is not None] == [DAYS - 10 - 1]
    assert (strips["b"].now, strips["c"].now) == (None, 0.2)


def test_days_that_are_over_are_read_once(store: SqliteStore) -> None:
    reader = Counting(store)
    weeks = Weeks(reader, "risk_14d")
    assert weeks.strips(NOW_MS) == weeks.strips(NOW_MS)
    assert len(reader.asked) == DAYS + 3
    store.add([score("a", NOW_MS + DAY_MS, 0.7)])
    store.flush()
    assert weeks.strips(NOW_MS + DAY_MS)[0].now == 0.7
    assert len(reader.asked) == DAYS + 3 + 4


def test_a_site_is_as_bad_as_its_worst_machine_of_the_day() -> None:
    strips = [Strip("a", [0.1, None, 0.4]), Strip("b", [0.2, None, 0.3]), Strip("c", [0.9, 0.9, 0.9])]
    (site,) = by_site(strips, lambda name: "north" if name in "ab" else "", 0.35)
    assert (site.name, site.risks, site.machines, site.over) == ("north", [0.2, None, 0.4], 2, 1)


def test_a_strip_is_higher_where_it_is_worse_and_said_in_words() -> None:
    strip = Strip("<a>", [None, 0.01, 0.15, 0.3, 0.8, 0.02])
    drawn = strip.draw(0.2, lambda back: f"{back} days ago")
    assert [drawn.count(f'class="l{level}"') for level in range(5)] == [1, 1, 1, 1, 1]
    assert "now 2 %, highest 80 % on 1 days ago" in drawn
    assert Strip("a", [None]).words(str) == "no risk said"


def test_levels_follow_the_threshold_and_without_one_a_usual_one() -> None:
    assert [level_of(risk, None) for risk in (None, 0.04, 0.06, 0.1, 0.5)] == [0, 1, 2, 3, 4]
    assert level_of(0.9, 1.0) == 2
