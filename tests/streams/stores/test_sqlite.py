from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import ConfigError
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point


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


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(ConfigError, match=r"s\.db.*a writable SQLite database"):
        SqliteStore(path)
