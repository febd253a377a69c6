from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import UnavailableError
from streams.stores.sqlite import SqliteStore
from streams.stores.sqlite_reader import SqliteReader
from streams.stores.store import Point
from tests.support.damage import HARMS, Harm, locked


def write(path: Path, risk: float = 0.1, time_ms: int = 1) -> None:
    store = SqliteStore(path)
    store.add([Point("scores", {"asset": "CH-1"}, {"risk_7d": risk}, time_ms)])
    store.flush()
    store.close()


def risks(reader: SqliteReader) -> list[object]:
    return [row.fields["risk_7d"] for row in reader.latest("scores")]


def test_a_file_that_is_not_there_yet_is_an_empty_store_and_is_not_made(tmp_path: Path) -> None:
    reader = SqliteReader(tmp_path / "home" / "s.db")
    assert (list(reader.latest("scores")), reader.version()) == ([], "empty")
    assert list(tmp_path.iterdir()) == []
    write(tmp_path / "home" / "s.db")
    assert risks(reader) == [0.1]
    assert reader.version() != "empty"


def test_a_file_in_which_nobody_has_written_yet_is_an_empty_store(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.touch()
    reader = SqliteReader(path)
    assert risks(reader) == []
    write(path)
    assert risks(reader) == [0.1]


def test_another_file_in_its_place_is_read_from_then_on(tmp_path: Path) -> None:
    write(tmp_path / "s.db", 0.1)
    reader = SqliteReader(tmp_path / "s.db")
    before = reader.version()
    assert risks(reader) == [0.1]
    write(tmp_path / "new.db", 0.2)
    (tmp_path / "new.db").replace(tmp_path / "s.db")
    assert risks(reader) == [0.2]
    assert reader.version() != before


def test_a_name_with_signs_of_an_address_is_read(tmp_path: Path) -> None:
    write(tmp_path / "s?mode=rw #%41.db")
    assert risks(SqliteReader(tmp_path / "s?mode=rw #%41.db")) == [0.1]


@pytest.mark.parametrize(("harm", "words"), HARMS)
def test_a_store_that_cannot_be_read_is_unavailable_by_name(tmp_path: Path, harm: Harm, words: str) -> None:
    path = tmp_path / "s.db"
    write(path)
    reader = SqliteReader(path, busy_s=0.05)
    if harm is Path.unlink:
        assert risks(reader) == [0.1]
    held = harm(path)
    with pytest.raises(UnavailableError, match=rf"store .*s\.db: .*{words}"):
        reader.latest("scores")
    del held


def test_a_store_is_read_again_once_its_holder_has_let_go(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    write(path)
    reader = SqliteReader(path, busy_s=0.05)
    holder = locked(path)
    with pytest.raises(UnavailableError, match="locked"):
        reader.latest("scores")
    holder.close()
    assert risks(reader) == [0.1]
