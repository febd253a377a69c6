"""Files of the kinds that people have, each with other names, signs and zones than the next."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.errors import ConfigError, RecordingError
from models.telemetry.samples import Event
from simulators.recordings.recording import Recorded, read_recording
from tests.support.field_fleet import field_fleet

MARCH = 1_709_251_200_000  # 2024-03-01 00:00 UTC
MINUTE = 60_000
NAN = float("nan")


def rows(found: Recorded) -> list[tuple[str, int, float, float]]:
    """Return machine, minutes since 2024-03-01 UTC, and both values, of every sample."""
    samples = found.samples
    names = [samples.assets[i] for i in samples.asset.tolist()]
    minutes = ((samples.time_ms - MARCH) / MINUTE).tolist()
    return [(n, m, *v) for n, m, v in zip(names, minutes, samples.values.tolist(), strict=True)]


def read(path: Path, recording: Mapping[str, Any], text: str | None = None, **more: Any) -> Recorded:
    if text is not None:
        path.write_text(text, encoding=more.pop("encoding", "utf-8"))
    return read_recording(path, field_fleet(recording, **more))


WIDE = {"asset": "pump"}


def test_one_file_a_machine_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "2024").mkdir()
    (tmp_path / "2024" / "pump_A1.tsv").write_text("time\tT\tF\n2024-03-01\t1\t2\n")
    (tmp_path / "2024" / "pump_B2.tsv").write_text("F\ttime\tT\n4\t2024-03-01\t3\n")
    (tmp_path / "notes.md").write_text("nothing")
    found = read(tmp_path, {"file_pattern": r"pump_(?P<asset>\w+)\.tsv$", "delimiter": "\t"})
    assert rows(found) == [("A1", 0, 1, 2), ("B2", 0, 3, 4)]


@pytest.mark.parametrize("kind", ["zip", "tgz", "glob"])
def test_one_file_a_point_packed_or_by_a_glob(tmp_path: Path, kind: str) -> None:
    files = {
        "x/K7 Vorlauf.csv": "Zeit;Wert\n1.3.24 01:00;20,5\n",
        "x/K7 Menge.csv": "Zeit;Wert\n1.3.24 01:00;1.234,5\n",
    }
    path = tmp_path / {"zip": "all.zip", "tgz": "all.tgz", "glob": "x/K7*.csv"}[kind]
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name, text in {**files, "__MACOSX/x/._K7 Menge.csv": "\x00"}.items():
                packed.writestr(name, text)
    elif kind == "tgz":
        with tarfile.open(path, "w:gz") as tar:
            for name, text in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text.encode()))
    else:
        (tmp_path / "x").mkdir()
        for name, text in files.items():
            (tmp_path / name).write_text(text)
    keys = {
        "file_pattern": r"(?P<asset>\w+) (?P<point>\w+)\.csv$",
        "value": "Wert",
        "time": "Zeit",
        "time_format": "%d.%m.%y %H:%M",
        "timezone": "Europe/Vienna",
        "delimiter": ";",
        "decimal": ",",
        "thousands": ".",
        "columns": {"temp": {"column": "Vorlauf"}, "flow": {"column": "Menge"}},
    }
    assert rows(read(path, keys)) == [("K7", 0, 20.5, 1234.5)]


@pytest.mark.parametrize("kind", ["wide", "long"])
def test_two_sensors_may_be_read_from_one_column_each_in_its_own_way(tmp_path: Path, kind: str) -> None:
    columns = {"temp": {"column": "T"}, "flow": {"column": "T", "scale": 10.0}}
    if kind == "wide":
        text, keys = "pump,time,T\nA,2024-03-01,1.5\nA,2024-03-01T00:01,2\n", WIDE
    else:
        text = "pump,time,name,value\nA,2024-03-01,T,1.5\nA,2024-03-01T00:01,T,2\n"
        keys = {**WIDE, "point": "name", "value": "value"}
    found = read(tmp_path / "a.csv", {**keys, "columns": columns}, text)
    assert rows(found) == [("A", 0, 1.5, 15.0), ("A", 1, 2.0, 20.0)]


def test_many_gzips_of_months_with_a_heading_each(tmp_path: Path) -> None:
    for month in (3, 4):
        text = f"pump,time,T,F\nA,2024-0{month}-01,{month},0\n"
        (tmp_path / f"{month}.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert [row[2] for row in rows(read(tmp_path, WIDE))] == [3, 4]


def test_gzips_put_together_have_headings_again(tmp_path: Path) -> None:
    one = gzip.compress(b"pump,time,T,F\nA,2024-03-01,1,2\n")
    (tmp_path / "all.csv.gz").write_bytes(one + one.replace(b"", b""))
    found = read(tmp_path / "all.csv.gz", WIDE)
    assert (len(found.samples), found.quality.duplicates) == (1, 1)
    assert found.quality.left_out == {"headings again": 1}


def test_points_one_below_the_other(tmp_path: Path) -> None:
    text = "when|tag|val|dev\n1709251200|T|68 °F|A\n"
    text += "1709251200|F|3.6 m3/h|A\n1709251200|X|1|A\n1709251230|T|bad|A\n"
    keys = {
        "asset": "dev",
        "point": "tag",
        "value": "val",
        "time": "when",
        "delimiter": "|",
        "time_format": "unix_s",
        "missing": ["BAD"],
    }
    found = read(tmp_path / "long.txt", keys, text)
    assert rows(found) == [("A", 0, 20, 1)]
    assert found.quality.left_out == {"readings of other points": 1}


def test_the_machine_or_the_point_in_the_heading(tmp_path: Path) -> None:
    text = "# zeit, Chiller 1 - T, Chiller 1 - F, Chiller 2 - T\n2024-03-01 00:00, 1, 2, 3\n"
    keys = {"time": "zeit", "heading_pattern": "(?P<asset>.+) - (?P<point>.+)"}
    first, second = rows(read(tmp_path / "h.csv", keys, text))
    assert (first, second[:3]) == (("Chiller 1", 0, 1, 2), ("Chiller 2", 0, 3))
    points = {"asset_name": "A", "heading_pattern": r"(?P<point>\w+) \[.*\]"}
    assert rows(read(tmp_path / "p.csv", points, "time,T [K],F [l/s]\n2024-03-01,1,2\n")) == [("A", 0, 1, 2)]
    machines = {"heading_pattern": "Temp (?P<asset>.+)", "columns": {"temp": {"column": "Temp"}}}
    found = rows(read(tmp_path / "m.csv", machines, "time,Temp A,Temp B\n2024-03-01,1,2\n"))
    assert [row[:3] for row in found] == [("A", 0, 1), ("B", 0, 2)]


def test_preamble_units_blank_tail_and_a_mark_of_byte_order(tmp_path: Path) -> None:
    text = (
        "Report;Plant 7;;\n\nexported;2024-03-02;;\n#Datum;Uhr;T;F\n;;degC;l/s\n"
        "2024/03/01;00:00;1;2;;\n2024/02/29;24:00:00;5;6\n;;;\n"
    )
    keys = {
        "asset_name": "A",
        "time": "Uhr",
        "date": "Datum",
        "time_format": "%Y/%m/%d %H:%M",
        "delimiter": ";",
        "units_rows": 1,
        "on_bad": "skip",
    }
    found = read(tmp_path / "r.csv", keys, text, encoding="utf-16")
    assert rows(found) == [("A", 0, 1, 2)]
    assert found.quality.left_out == {"rows without a time": 1, "blank rows": 1}


def test_a_file_without_a_heading_parted_by_spaces(tmp_path: Path) -> None:
    keys = {
        "asset": "pump",
        "headings": ["pump", "time", "T", "F"],
        "delimiter": "spaces",
        "time_format": "excel",
    }
    assert rows(read(tmp_path / "s.dat", keys, " A   45352.0  1   2 \nA 45352.5\t3 4\n")) == [
        ("A", 0, 1, 2),
        ("A", 720, 3, 4),
    ]


def test_samples_below_a_second(tmp_path: Path) -> None:
    text = "pump,time,T,F\n" + "".join(f"A,{1709251200000 + 100 * i},{i},0\n" for i in range(20))
    found = read(tmp_path / "f.csv", {**WIDE, "time_format": "unix_ms"}, text, period_s=0.1)
    assert (len(found.samples), found.quality.missing_samples) == (20, 0)


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_a_frame_of_pandas_or_spark_is_read_as_it_is(tmp_path: Path, unit: str) -> None:
    columns = {
        "pump": pa.array(["A", "A"]).dictionary_encode(),
        "time": pa.array([MARCH * 1000 + 999, None], pa.timestamp("us")).cast(pa.timestamp(unit), safe=False),
        "T": pa.array([1, None], pa.int32()),
        "F": pa.array([True, False]),
    }
    pq.write_table(pa.table(columns), tmp_path / "r.parquet")
    assert rows(read(tmp_path / "r.parquet", {**WIDE, "on_bad": "skip"})) == [("A", 0, 1, 1)]


def test_a_value_that_is_held_is_not_missing_and_is_left_to_the_kernel(tmp_path: Path) -> None:
    text = "pump,time,T,F\nA,2024-03-01 00:00,7,\n" + "".join(
        f"A,2024-03-01 00:0{m},,1\n" for m in range(1, 6)
    )
    found = read(tmp_path / "h.csv", WIDE, text, hold_s=180)
    np.testing.assert_equal([row[2] for row in rows(found)], [7, NAN, NAN, NAN, NAN, NAN])
    assert found.quality.missing == {"temp": 2, "flow": 1}


def events(path: Path, text: str, **table: Any) -> tuple[Event, ...]:
    (path / "data.csv").write_text("pump,time,T,F\nA,2024-03-01,1,2\nB,2024-03-01,1,2\n")
    (path / "orders.csv").write_text(text, encoding="utf-8")
    files = [{"file": "orders.csv", "asset": "machine", "time": "start", **table}]
    return read(path / "data.csv", {**WIDE, "event_files": files}).events


def test_work_orders_have_ends_kinds_and_codes(tmp_path: Path) -> None:
    text = (
        "machine;start;end;type;reason\nA;01.03.2024 10:00;01.03.2024 12:00;Ausfall;Lager\n"
        "A;01.03.2024 10:00;;Ausfall;Dichtung\nB;02.03.2024 08:00;;Wartung;\nB;02.03.2024 09:00;;Anruf;\n"
    )
    found = events(
        tmp_path,
        text,
        delimiter=";",
        time_format="%d.%m.%Y %H:%M",
        end="end",
        kind_column="type",
        kinds={"Ausfall": "shutdown", "Wartung": "maintenance"},
        code_column="reason",
    )
    hours = [((e.time_ms - MARCH) / 3_600_000, e.asset, e.kind, e.code) for e in found]
    assert hours == [
        (10, "A", "shutdown", "Dichtung"),
        (10, "A", "shutdown", "Lager"),
        (12, "A", "restart", ""),
        (32, "B", "maintenance", ""),
    ]


def test_how_long_it_took_may_stand_in_a_column(tmp_path: Path) -> None:
    found = events(
        tmp_path, "machine,start,took\nA,2024-03-01T10:00Z,1.5\n", duration="took", duration_unit="h"
    )
    assert [(e.kind, (e.time_ms - MARCH) / 3_600_000) for e in found] == [("shutdown", 10), ("restart", 11.5)]


def test_a_status_log_is_runs_of_states(tmp_path: Path) -> None:
    states = ["RUN", "FAULT", "FAULT", "RUN", "FAULT"]
    text = "machine,start,state\n" + "".join(f"A,2024-03-01 0{h}:00,{s}\n" for h, s in enumerate(states))
    found = events(tmp_path, text, kind_column="state", kinds={"FAULT": "shutdown"}, runs=True)
    hours = [(e.kind, (e.time_ms - MARCH) / 3_600_000) for e in found]
    assert hours == [("shutdown", 1), ("restart", 3), ("shutdown", 4)]


def test_the_inventory_may_be_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("pump,time,T,F\nA,2024-03-01,1,2\n")
    (tmp_path / "list.csv").write_text("No.,Model\nA,007\nb,1\n")
    table = {"file": "list.csv", "asset": "No.", "attributes": {"model": "Model"}}
    assert read(tmp_path, {**WIDE, "inventory_file": table}).inventory.machines == {"A": {"model": "007"}}


def test_a_rule_may_say_what_follows_a_run(tmp_path: Path) -> None:
    text = "pump,time,T,F,s,why\n" + "".join(
        f"A,2024-03-01 00:0{m},1,2,{s},{w}\n" for m, (s, w) in enumerate(zip("011010", "-aab--", strict=True))
    )
    rule = {"column": "s", "equals": 1, "code_column": "why", "then": "restart"}
    found = read(tmp_path / "r.csv", {**WIDE, "events": [rule]}, text).events
    minutes = [((e.time_ms - MARCH) / MINUTE, e.kind, e.code) for e in found]
    assert minutes == [(1, "shutdown", "a"), (3, "restart", ""), (4, "shutdown", "-"), (5, "restart", "")]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "recording.asset = '': expected one of a column"),
        ({"asset": "a", "asset_name": "b"}, "recording.asset = 'a': expected one of a column"),
        ({**WIDE, "point": "p"}, "recording.value = '': expected the column of the values"),
        ({**WIDE, "timezone": "W. Europe Standard Time"}, "as Europe/Berlin for this name of Windows"),
        ({**WIDE, "timezone": "GMT+1"}, "an offset, as \\+01:00"),
        ({**WIDE, "encoding": "utf9"}, "recording.encoding = 'utf9': expected an encoding"),
        ({**WIDE, "time_format": "YYYY"}, "recording.time_format = 'YYYY': expected iso, unix_s"),
        ({**WIDE, "decimal": ",", "thousands": ","}, "another sign than decimal"),
        ({**WIDE, "columns": {"temp": {"column": "T", "unit": "bar"}}}, "one that can become degC"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        field_fleet(keys)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pump,time,T,F\nA,2024-03-01,1,2\nA,1924-03-01,1,2\n", "1970 to 2200"),
        ("pump,time,T,F\nA,2024-03-01,1,2\nA,2034-03-01,1,2\n", "years lie between rows: A at .*earliest"),
        ('pump,time,T,F\nA,2024-03-01,"1,2\n', "row 1"),
        ("pump,time,T\nA,2024-03-01,1\n", "no column 'F': there are pump, time, T"),
        ("a,b,c\n1,2,3\n", "no heading with the columns .* the first line is 'a,b,c'"),
        ("\x00\x01\x02", "no heading"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RecordingError, match=said) as error:
        read(tmp_path / "r.csv", WIDE, text)
    assert "\n" not in str(error.value)
    assert str(tmp_path / "r.csv") in str(error.value)


def test_a_folder_or_an_archive_without_a_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    (tmp_path / "a.zip").write_bytes(b"PK no zip")
    for path, said in (
        (tmp_path, "no table"),
        (tmp_path / "a.zip", "not a whole archive"),
        (tmp_path / "b*", "no such"),
    ):
        with pytest.raises(RecordingError, match=said):
            read(path, WIDE)
