"""Recordings that nobody would write: no crash, and every row is used, or counted by name."""

from __future__ import annotations

import gzip
import multiprocessing
import tomllib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.record import peak_bytes
from models.errors import ChillcastError
from models.fleet.fleet import parse_fleet
from simulators.recordings.fleet_draft import draft
from simulators.recordings.recording import read_recording
from tests.support.field_fleet import field_fleet

CELLS = st.one_of(
    st.sampled_from(
        ["", "A", "B", "007", "1.5", "-3", "2024-03-01 00:00", "2024-03-01T00:01:00Z", "NaN", "inf"]
    ),
    st.sampled_from(
        ["1,5", '"', '"x', "'", "\x00", "9" * 400, "24:00", "1e999", "x\ny", "\ufeff", "𝟙", "# "]
    ),
    st.text(max_size=8),
)
ROWS = st.lists(st.lists(CELLS, max_size=6), max_size=12)
FORMS = st.fixed_dictionaries(
    {},
    optional={
        "delimiter": st.sampled_from([",", ";", "\t", "spaces"]),
        "decimal": st.sampled_from([".", ","]),
        "encoding": st.sampled_from(["utf-8", "latin-1", "utf-16"]),
        "time_format": st.sampled_from(["iso", "unix_s", "unix_ns", "excel", "%d.%m.%Y"]),
        "timezone": st.sampled_from(["UTC", "Europe/Berlin"]),
        "units_rows": st.integers(0, 3),
        "date": st.just("pump"),
    },
)
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@QUIET
@given(ROWS, FORMS, st.sampled_from(["refuse", "skip"]))
def test_a_strange_table_is_read_counted_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]], form: dict[str, object], on_bad: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    text = "pump,time,T,F\n" + "\n".join(",".join(row) for row in cells)
    path.write_bytes(text.encode(errors="replace"))
    try:
        found = read_recording(path, field_fleet({"asset": "pump", **form, "on_bad": on_bad})).quality
    except ChillcastError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        kept = found.rows - sum(found.left_out.values())
        assert found.duplicates + found.merged_readings >= 0
        assert kept <= found.rows
        assert all(any(kind in remark for remark in found.remarks) for kind in found.left_out)


@QUIET
@given(
    st.binary(max_size=300),
    st.sampled_from(["b.csv", "b.csv.gz", "b.parquet", "b.zip", "b.tgz"]),
    st.booleans(),
)
def test_any_bytes_are_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str, packed: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(gzip.compress(data) if packed else data)
    for read in (lambda: read_recording(path, field_fleet({"asset": "pump"})), lambda: draft([path], "x")):
        with pytest.raises(ChillcastError, match=name):
            read()


@QUIET
@given(ROWS, st.sampled_from([",", ";", "\t"]))
def test_a_draft_of_any_table_is_a_fleet_file_or_refused(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]], sign: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "draft.csv"
    good = [f"2024-03-0{d}{sign}A{sign}{d}.5" for d in range(1, 9)]
    text = "\n".join([sign.join(("time", "unit", "x")), *good, *(sign.join(row) for row in cells)])
    path.write_bytes(text.encode(errors="replace"))
    try:
        written = draft([path], "x")
    except ChillcastError:
        return
    assert parse_fleet(tomllib.loads(written), "draft").sensors


PLACES = st.tuples(st.sampled_from("AB"), st.integers(0, 4), st.sampled_from(["1.5", "7", ""]))
KINDS = st.sampled_from(["good", "good", "no time", "no machine", "short", "long", "no number", "heading"])


@QUIET
@given(st.lists(st.tuples(KINDS, PLACES), min_size=1, max_size=25))
def test_every_row_is_used_or_counted_under_its_reason(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, tuple[str, int, str]]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "counted.csv"
    path.write_text("\n".join(["pump,time,T,F", "A,2024-03-01 00:09,3,4", *(line(*row) for row in rows)]))
    found = read_recording(path, field_fleet({"asset": "pump", "on_bad": "skip"}))
    count = Counter(kind for kind, _ in rows)
    assert Counter(found.quality.left_out) == Counter(
        {
            "rows of another length": count["short"] + count["long"],
            "rows without a time": count["no time"],
            "rows without a machine": count["no machine"],
            "values of temp that are no number": count["no number"],
            "headings again": count["heading"],
        }
    )
    assert found.quality.rows == 1 + len(rows) - count["short"] - count["long"] - count["heading"]
    used = {(name, minute) for kind, (name, minute, _) in rows if kind in ("good", "no number")} | {("A", 9)}
    last = {place[:2]: place[2] for kind, place in rows if kind == "good" and place[2]} | {("A", 9): "3"}
    names, ticks = found.samples.assets, found.samples.time_ms
    got = {
        (names[a], int(tick) // 60_000 % 60): value
        for a, tick, value in zip(found.samples.asset, ticks, found.samples.values[:, 0], strict=True)
    }
    assert got.keys() == used
    assert {place: float(v) for place, v in got.items() if v == v} == {p: float(v) for p, v in last.items()}


def line(kind: str, place: tuple[str, int, str]) -> str:
    """Return a row of a kind."""
    name, minute, value = place
    time = f"2024-03-01 00:{minute:02}"
    return {
        "good": f"{name},{time},{value},2",
        "no time": f"{name},soon,{value},2",
        "no machine": f",{time},{value},2",
        "short": f"{name},{time},1",
        "long": f"{name},{time},1,2,3",
        "no number": f"{name},{time},warm,2",
        "heading": "pump,time,T,F",
    }[kind]


def test_a_row_without_an_end_takes_no_memory_without_one(tmp_path: Path) -> None:
    path = tmp_path / "endless.csv.gz"
    path.write_bytes(gzip.compress(b"pump,time,T,F\n" + b"A" * 200_000_000))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        assert fresh.submit(_growth_mb_until_refused, path).result() < 100


def _growth_mb_until_refused(path: Path) -> float:
    """Return how much this process grew at most; tracemalloc may crash it beside threads that read."""
    first = peak_bytes()
    with pytest.raises(ChillcastError, match=r"endless\.csv\.gz"):
        read_recording(path, field_fleet({"asset": "pump"}))
    return (peak_bytes() - first) / 1e6
