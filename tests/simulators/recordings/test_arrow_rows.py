"""Arrow lets go of a text, whatever ended its rows: else a process might hang at its end."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from models.errors import RecordingError
from models.fleet.recording import TextTable
from simulators.recordings import arrow_rows
from simulators.recordings.recording import read_recording
from tests.support.field_fleet import field_fleet

ROOT = Path(__file__).parents[3]
HEADING = b"pump,time,T,F\n"
ROW = b"A,2024-03-01 00:00,20.5,1.5\n"
WRONG = {
    "a row without an end": HEADING + b"A" * 40_000_000,
    "bytes of another encoding": HEADING + ROW * 400_000 + b"\xff\xfe\xff" + ROW * 400_000,
    "a quotation mark that is not closed": HEADING + b'"' + ROW * 400_000,
    "rows that are too short": HEADING + ROW * 200_000 + b"A,1\n" + ROW * 400_000,
}


@pytest.fixture
def taps(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[Any]]:
    """All that Arrow was given to read from."""
    found: list[weakref.ref[Any]] = []
    plain = arrow_rows._Tap.__init__

    def noted(self: Any, text: Any) -> None:
        plain(self, text)
        found.append(weakref.ref(self))

    monkeypatch.setattr(arrow_rows._Tap, "__init__", noted)
    return found


@pytest.mark.parametrize("kind", WRONG)
def test_a_text_that_is_no_table_is_let_go_with_the_error(
    tmp_path: Path, taps: list[weakref.ref[Any]], kind: str
) -> None:
    path = tmp_path / "wrong.csv.gz"
    path.write_bytes(gzip.compress(WRONG[kind], 1))
    with pytest.raises(RecordingError, match=r"wrong\.csv\.gz") as caught:
        read_recording(path, field_fleet({"asset": "pump"}))
    assert taps
    assert taps[0]() is None
    assert str(caught.value)


def test_a_reader_who_stops_in_the_middle_leaves_nothing_that_reads(
    tmp_path: Path, taps: list[weakref.ref[Any]]
) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(HEADING + ROW * 600_000)
    reading = threading.active_count()
    rows = arrow_rows_of(path)
    assert rows.next() is not None
    rows.close()
    assert taps[0]() is None
    assert threading.active_count() == reading


def arrow_rows_of(path: Path) -> arrow_rows.ArrowRows:
    odd = SimpleNamespace(take=lambda row: "skip", complain=lambda: None)
    return arrow_rows.ArrowRows(path.open("rb", buffering=0), ["a", "b", "c", "d"], TextTable(), odd)  # type: ignore[arg-type]


def test_a_process_that_was_refused_a_text_ends(tmp_path: Path) -> None:
    path = tmp_path / "endless.csv.gz"
    path.write_bytes(gzip.compress(WRONG["a row without an end"], 1))
    code = (
        "import sys; from pathlib import Path; from models.errors import RecordingError\n"
        "from simulators.recordings.recording import read_recording\n"
        "from tests.support.field_fleet import field_fleet\n"
        "try: read_recording(Path(sys.argv[1]), field_fleet({'asset': 'pump'}))\n"
        "except RecordingError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert "endless.csv.gz" in done.stdout
