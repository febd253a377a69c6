from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from models.errors import ConfigError, UnavailableError
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point
from tests.support.damage import damaged_store


def score(asset: str, time_ms: int = 1) -> Point:
    return Point("scores", {"asset": asset}, {"risk_7d": 0.1}, time_ms)


def written(path: Path, *points: Point) -> SqliteStore:
    store = SqliteStore(path, busy_s=0.1)
    store.add(points)
    store.flush()
    return store


def test_a_page_reads_while_a_worker_writes(tmp_path: Path) -> None:
    writer, reader = SqliteStore(tmp_path / "s.db"), SqliteStore(tmp_path / "s.db")
    writer.add([Point("scores", {"asset": "CH-1"}, {"risk_7d": 0.1}, 1)])
    writer.flush()
    assert len(reader.latest("scores")) == 1


def test_what_was_flushed_is_there_after_reopening(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "deep" / "s.db")
    store.add([Point("scores", {"asset": "CH-1"}, {"risk_7d": 0.1}, 1)])
    store.flush()
    store.close()
    assert len(SqliteStore(tmp_path / "deep" / "s.db").latest("scores")) == 1


def test_a_flush_returns_when_the_disk_has_it_also_in_a_file_that_took_the_place_of_another(
    tmp_path: Path,
) -> None:
    store = written(tmp_path / "s.db", score("a"))
    for _ in range(2):
        with store._connected() as database:
            asked = [database.execute(f"PRAGMA {name}") for name in ("journal_mode", "synchronous")]
            assert [answer.fetchone() for answer in asked] == [("wal",), (2,)]  # FULL
        (tmp_path / "s.db").rename(tmp_path / "away.db")


def test_what_a_worker_wrote_late_does_not_take_the_place_of_a_correction(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    for revision, risk in ((0.0, 0.1), (1.0, 0.2), (0.0, 0.1), (2.0, 0.3), (2.0, 0.4), (1.0, 0.2)):
        store.add([Point("scores", {"asset": "a"}, {"risk_1d": risk, "revision": revision}, 10)])
        store.flush()
    (row,) = store.latest("scores")
    assert row.fields == {"risk_1d": 0.4, "revision": 2.0}


def test_a_watermark_that_a_worker_wrote_late_does_not_take_the_place_of_a_later_one(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    for time_ms, end in ((20.0, 0.0), (40.0, 1.0), (30.0, 0.0)):
        store.add([Point("watermarks", {"partition": "3"}, {"time_ms": time_ms, "end": end}, 10)])
        store.flush()
    (row,) = store.latest("watermarks")
    assert row.fields == {"time_ms": 40.0, "end": 1.0}


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(ConfigError, match=r"s\.db.*a writable SQLite database"):
        SqliteStore(path)


def test_a_store_that_is_moved_away_is_begun_anew_and_keeps_what_it_has(tmp_path: Path) -> None:
    path, away = tmp_path / "s.db", tmp_path / "away"
    store = written(path, score("CH-1"))
    away.mkdir()
    for file in tmp_path.glob("s.db*"):
        file.rename(away / file.name)
    store.add([score("CH-2")])
    store.flush()
    assert [row.tags["asset"] for row in store.latest("scores")] == ["CH-2"]
    assert [row.tags["asset"] for row in SqliteStore(path).latest("scores")] == ["CH-2"]
    assert [row.tags["asset"] for row in SqliteStore(away / "s.db").latest("scores")] == ["CH-1"]


def test_a_page_sees_the_store_that_lies_there_now(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    reader = written(path, score("CH-1"))
    for file in tmp_path.glob("s.db*"):
        file.unlink()
    written(path, score("CH-2")).close()
    assert [row.tags["asset"] for row in reader.latest("scores")] == ["CH-2"]


def test_a_store_that_cannot_be_opened_anew_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "s.db"
    store = written(path, score("CH-1"))
    path.parent.rename(tmp_path / "away")
    path.parent.write_text("a file where the folder was")
    store.add([score("CH-2")])
    for _ in range(2):
        with pytest.raises(UnavailableError, match=r"s\.db"):
            store.flush()
    path.parent.unlink()
    assert store.flush().written == 1


def test_a_whole_store_is_looked_at_as_far_as_time_allows(tmp_path: Path) -> None:
    store = written(
        tmp_path / "s.db", *[score(f"CH-{i}", time_ms) for i in range(50) for time_ms in range(200)]
    )
    assert store.check(within_s=60.0)
    assert not store.check(within_s=0.0)
    assert len(store.latest("scores")) == 50


def test_a_damaged_store_is_found_out(tmp_path: Path) -> None:
    store = SqliteStore(damaged_store(tmp_path / "s.db"))
    with pytest.raises(UnavailableError, match=r"s\.db: damaged: .*move s\.db, s\.db-wal and s\.db-shm away"):
        store.check(within_s=60.0)


def test_a_lock_of_another_process_is_waited_for_and_no_point_is_lost(tmp_path: Path) -> None:
    store, other = written(tmp_path / "s.db"), sqlite3.connect(tmp_path / "s.db")
    other.execute("BEGIN IMMEDIATE")
    store.add([score("CH-1")])
    for _ in range(2):
        with pytest.raises(UnavailableError, match=r"s\.db: database is locked"):
            store.flush()
    other.rollback()
    assert store.flush().written == 1
