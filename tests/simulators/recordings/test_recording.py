from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.errors import ConfigError, RecordingError
from models.fleet.fleet import Fleet, load_fleet
from models.fleet.recording import Column, EventRule, Recording
from simulators.recordings.recording import Recorded, read_recording
from tests.support.toy_fleet import fleet_of

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"
HEAD = "machine,when,Temp,Flow,state\n"


def fleet(timezone: str = "UTC") -> Fleet:
    """Two sensors, the first recorded in °F; a row in state ``trip`` is a shutdown a minute later."""
    rule = EventRule(column="state", equals="trip", code="tripped", after_s=60)
    mapping = Recording(
        asset="machine",
        time="when",
        timezone=timezone,
        columns={
            "s0": Column(column="Temp", scale=5 / 9, offset=-160 / 9),
            "s1": Column(column="Flow", nulls=(-40.0,)),
        },
        events=(rule,),
    )
    return replace(fleet_of(), recording=mapping, asset_pattern="m[0-9]")


def read(path: Path, text: str, timezone: str = "UTC") -> Recorded:
    path.write_text(HEAD + text, encoding="utf-8")
    return read_recording(path, fleet(timezone))


def test_columns_become_sensors_in_their_units(tmp_path: Path) -> None:
    found = read(tmp_path / "r.csv", "m1,2025-01-01 00:00:00,50,7,ok\n")
    np.testing.assert_allclose(found.samples.values, [[10.0, 7.0]], rtol=1e-6)
    assert found.samples.time_ms.tolist() == [1_735_689_600_000]
    assert found.samples.assets[found.samples.asset[0]] == "m1"


def test_rows_come_in_order_of_time_and_in_slices_of_a_day(tmp_path: Path) -> None:
    rows = "m2,2025-01-03,1,1,ok\nm1,2025-01-01,1,1,ok\nm1,2025-01-03,1,1,ok\n"
    found = read(tmp_path / "r.csv", rows)
    assert np.all(np.diff(found.samples.time_ms) >= 0)
    assert [len(part.samples) for part in found.slices()] == [1, 0, 2]


def test_a_row_that_matches_the_rule_is_an_event_after_its_time(tmp_path: Path) -> None:
    found = read(tmp_path / "r.csv", "m1,2025-01-01 23:59:30,50,7,trip\n")
    (event,) = found.events
    assert (event.asset, event.kind, event.code) == ("m1", "shutdown", "tripped")
    assert event.time_ms == 1_735_689_600_000 + 86_400_000 + 30_000
    assert [len(part.events) for part in found.slices()] == [0, 1]


def test_null_codes_are_missing_and_values_out_of_range_implausible(tmp_path: Path) -> None:
    rows = (
        "m1,2025-01-01 00:00:00,50,-40,ok\nm1,2025-01-01 00:01:00,9999,7,ok\nm1,2025-01-01 00:02:00,,7,ok\n"
    )
    quality = read(tmp_path / "r.csv", rows).quality
    assert quality.missing == {"s0": 1, "s1": 1}
    assert quality.implausible == {"s0": 1, "s1": 0}


def test_duplicates_and_missing_samples_are_counted(tmp_path: Path) -> None:
    rows = "".join(f"m1,2025-01-01 00:0{m}:00,50,7,ok\n" for m in (0, 1, 1, 5))
    quality = read(tmp_path / "r.csv", rows).quality
    assert (quality.duplicates, quality.missing_samples) == (1, 3)


def test_a_name_of_another_fleet_is_left_out_and_counted(tmp_path: Path) -> None:
    found = read(tmp_path / "r.csv", "m1,2025-01-01,50,7,ok\nother,2025-01-01,50,7,trip\n")
    assert (len(found.samples), found.quality.unknown_assets, found.events) == (1, 1, ())


def test_local_times_become_utc_with_offsets_obeyed(tmp_path: Path) -> None:
    summer = read(tmp_path / "a.csv", "m1,2025-01-01 00:00:00,50,7,ok\n", "Australia/Melbourne")
    assert summer.samples.time_ms[0] == 1_735_689_600_000 - 11 * 3_600_000
    zoned = read(tmp_path / "b.csv", "m1,2025-01-01T00:00:00+01:00,50,7,ok\n", "Australia/Melbourne")
    assert zoned.samples.time_ms[0] == 1_735_689_600_000 - 3_600_000


def test_an_hour_that_exists_twice_is_the_earlier_one_and_counted(tmp_path: Path) -> None:
    rows = "m1,2025-04-06 02:30:00,50,7,ok\nm1,2025-04-06 04:30:00,50,7,ok\n"
    found = read(tmp_path / "r.csv", rows, "Australia/Melbourne")
    assert found.quality.repeated_hours == 1
    assert np.diff(found.samples.time_ms).tolist() == [3 * 3_600_000]


def test_csv_gz_and_parquet_read_alike(tmp_path: Path) -> None:
    rows = "m1,2025-01-01,50,7,ok\nm1,2025-01-02,51,8,trip\n"
    plain = read(tmp_path / "r.csv", rows)
    (tmp_path / "r.csv.gz").write_bytes(gzip.compress((HEAD + rows).encode()))
    columns = {
        "machine": ["m1", "m1"],
        "when": ["2025-01-01", "2025-01-02"],
        "Temp": [50, 51],
        "Flow": [7, 8],
        "state": ["ok", "trip"],
    }
    pq.write_table(pa.table(columns), tmp_path / "r.parquet")
    for name in ("r.csv.gz", "r.parquet"):
        other = read_recording(tmp_path / name, fleet())
        assert other.samples.values.tobytes() == plain.samples.values.tobytes()
        assert other.events == plain.events


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "m1,2025-01-01,50,7,ok\nm1,2025-01-02,warm,7,ok\n",
            r"row 2, column Temp: 'warm': expected a number",
        ),
        ("m1,yesterday,50,7,ok\n", r"row 1, column when: 'yesterday': expected a date or time"),
        ("m1,,50,7,ok\n", r"row 1, column when: ('None'|None|''|nothing): expected a date or time"),
        ("m1,1870-01-01T00:00:00Z,50,7,ok\n", r"row 1, column when: -?\d+ ms: expected a time from 1970"),
        ("m1,2025-01-01,50,7,ok\nm1,2025-01-02,50,7,5,ok\n", r"row 2: 'ok' beyond the heading: expected 5"),
        ("", r"no row"),
        ("other,2025-01-01,50,7,ok\n", r"column machine: no name like m\[0-9\]"),
        ("m1,2025-01-01,50\n", r"row 1: 3 fields, 'm1,2025-01-01,50': expected 5"),
    ],
)
def test_a_bad_row_is_refused_by_file_row_and_column(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(RecordingError, match=r"r\.csv: " + reason):
        read(tmp_path / "r.csv", text)


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("machine,when,Temp\nm1,2025-01-01,50\n")
    with pytest.raises(RecordingError, match="no column 'Flow': there are machine, when, Temp"):
        read_recording(tmp_path / "r.csv", fleet())


@pytest.mark.parametrize("name", ["cut.parquet", "cut.csv.gz", "absent.csv"])
def test_a_file_that_is_cut_or_absent_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "cut.parquet":
        pq.write_table(pa.table({"machine": ["m1"] * 1000}), path)
    elif name == "cut.csv.gz":
        path.write_bytes(gzip.compress((HEAD + "m1,2025-01-01,50,7,ok\n" * 1000).encode()))
    if path.exists():
        path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RecordingError, match=name):
        read_recording(path, fleet())


def test_a_fleet_without_a_mapping_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="recording = None: expected a table"):
        read_recording(tmp_path / "r.csv", fleet_of())


@pytest.mark.parametrize(
    ("name", "fleet_name", "rows", "samples", "assets", "events"),
    [
        ("backblaze_2013-04-10_2013-05-05.parquet", "backblaze", 561_489, 561_489, 21_979, 62),
        ("monash_chillers_hourly.csv.gz", "monash", 11_124, 11_122, 2, 0),  # an hour that never was, of both
    ],
)
def test_the_real_recordings_are_read_whole(
    name: str, fleet_name: str, rows: int, samples: int, assets: int, events: int
) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"{DATA / name} is not there")
    found = read_recording(DATA / name, load_fleet(ROOT / "fleets" / f"{fleet_name}.toml"))
    assert (found.quality.rows, found.quality.assets, len(found.events)) == (rows, assets, events)
    assert sum(len(part.samples) for part in found.slices()) == samples
    assert sum(len(part.events) for part in found.slices()) == events


def test_a_parquet_without_a_time_or_with_words_for_numbers_is_refused_by_row(tmp_path: Path) -> None:
    times = pa.array([1_735_689_600_000, None], pa.timestamp("ms", "UTC"))
    columns = {
        "machine": ["m1", "m1"],
        "when": times,
        "Temp": [1, 2],
        "Flow": ["7", "many"],
        "state": ["", ""],
    }
    pq.write_table(pa.table(columns), tmp_path / "r.parquet")
    with pytest.raises(RecordingError, match=r"r\.parquet: row 2, column when: nothing: expected a date"):
        read_recording(tmp_path / "r.parquet", fleet())
    columns["when"] = times.fill_null(1_735_689_600_000)
    pq.write_table(pa.table(columns), tmp_path / "r.parquet")
    with pytest.raises(RecordingError, match=r"row 2, column Flow: 'many': expected a number"):
        read_recording(tmp_path / "r.parquet", fleet())


def test_times_with_and_without_an_offset_may_stand_side_by_side(tmp_path: Path) -> None:
    rows = "m1,2025-01-01T00:00:00+01:00,50,7,ok\nm1,2025-01-01T11:00:00,50,7,ok\n"
    found = read(tmp_path / "r.csv", rows, "Australia/Melbourne")
    assert (found.samples.time_ms - 1_735_689_600_000).tolist() == [-3_600_000, 0]


def test_a_whole_number_is_found_where_it_stands_as_a_fraction(tmp_path: Path) -> None:
    rule = EventRule(column="state", equals=1)
    mapping = fleet().recording
    assert mapping
    counted = replace(fleet(), recording=replace(mapping, events=(rule,)))
    (tmp_path / "r.csv").write_text(HEAD + "m1,2025-01-01,50,7,1.0\nm1,2025-01-02,50,7,\n")
    assert len(read_recording(tmp_path / "r.csv", counted).events) == 1


def test_the_last_row_of_a_machine_says_what_it_is(tmp_path: Path) -> None:
    rows = "m1,2025-01-01,50,7,old\nm2,2025-01-01,50,7,\nm1,2025-01-02,50,7,new\nother,2025-01-01,50,7,x\n"
    (tmp_path / "r.csv").write_text(HEAD + rows)
    mapping = fleet().recording
    assert mapping is not None
    known = replace(mapping, inventory={"model": "state"}, events=())
    found = read_recording(tmp_path / "r.csv", replace(fleet(), recording=known))
    assert found.inventory.machines == {"m1": {"model": "new"}}
