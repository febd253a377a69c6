from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from models.errors import RecordingError
from models.fleet.fleet import Fleet, parse_fleet
from simulators.recordings.checking import look_at
from simulators.recordings.fleet_draft import draft
from simulators.recordings.recording import Recorded, read_recording


def drafted(path: Path, text: str = "", *others: Path, encoding: str = "utf-8") -> tuple[Fleet, Recorded]:
    """Draft a fleet file for a file, and read the file through it."""
    if text:
        path.write_text(text, encoding=encoding)
    fleet = parse_fleet(tomllib.loads(draft([path, *others], "mine")), "draft")
    return fleet, read_recording(path, fleet)


def test_a_german_export_is_read_by_its_draft(tmp_path: Path) -> None:
    days = "".join(
        f"{d:02}.03.2024 12:00;Pumpe 1;{20 + d},5;{'EIN' if d % 2 else 'AUS'}\n" for d in range(1, 31)
    )
    text = "Anlage Nord\n\nDatum;Maschine;Lagertemperatur [°C];Zustand\n" + days
    fleet, found = drafted(tmp_path / "p.csv", text, encoding="cp1252")
    assert fleet.keys == ("lagertemperatur", "zustand")
    assert fleet.sensors[0].unit == "degC"
    assert found.samples.assets == ("Pumpe 1",)
    assert found.samples.values[0].tolist() == [21.5, 1.0]


def test_long_tables_and_machines_in_headings_are_seen(tmp_path: Path) -> None:
    rows = "".join(f"17092512{s:02},D7,{p},{s}\n" for s in range(0, 60, 5) for p in ("rpm", "torque"))
    fleet, found = drafted(tmp_path / "l.csv", "ts,device_id,tag,value\n" + rows)
    assert (fleet.keys, found.samples.assets) == (("rpm", "torque"), ("D7",))
    wide = "".join(f"2024-03-01 00:{m:02},{m},{m + 1},{m},{m}\n" for m in range(10))
    fleet, found = drafted(tmp_path / "h.csv", "Timestamp,A/t,A/f,B/t,B/f\n" + wide)
    assert (fleet.keys, found.samples.assets) == (("t", "f"), ("A", "B"))


def test_a_folder_is_one_file_a_machine_and_further_files_are_events(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    folder.mkdir()
    for name in ("A", "B"):
        (folder / f"{name}.csv").write_text(
            "time,vib\n" + "".join(f"2024-03-0{d},{d}.5\n" for d in range(1, 9))
        )
    _, found = drafted(folder)
    assert found.samples.assets == ("A", "B")
    (tmp_path / "one.csv").write_text("time,unit,vib\n2024-03-01,A,1\n2024-03-02,A,2\n")
    orders = tmp_path / "orders.csv"
    orders.write_text("unit,time,reason\nA,2024-03-02,bearing\n")
    _, found = drafted(tmp_path / "one.csv", "", orders)
    assert [(e.asset, e.kind, e.code) for e in found.events] == [("A", "shutdown", "bearing")]


def test_a_total_is_drafted_as_a_counter_and_words_as_states(tmp_path: Path) -> None:
    rows = "".join(f"2024-03-01 00:{m:02},{1000 + m},{'ON' if m % 7 else 'OFF'}\n" for m in range(40))
    fleet, found = drafted(tmp_path / "m.csv", "time,kWh,mode\n" + rows)
    assert [sensor.kind for sensor in fleet.sensors] == ["counter", "state"]
    assert fleet.sensors[0].high > 100_000
    assert fleet.sensors[1].states == {"OFF": 0, "ON": 1}
    assert found.samples.values[0].tolist() == [1000.0, 0.0]


def test_every_guess_that_only_the_owner_can_make_is_marked(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("time,x\n01/02/2024,1\n03/04/2024,2\n")
    text = draft([tmp_path / "m.csv"], "mine")
    assert "%d/%m/%Y would fit, too: DECIDE" in text
    assert "no column looks like the machine's name" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [("a,b\n1,2\n", "no column looks like a time"), ("time,x\n2024-03-01,abc\n", None), ("", "no row")],
)
def test_what_cannot_be_drafted_is_said(tmp_path: Path, text: str, said: str | None) -> None:
    (tmp_path / "m.csv").write_text(text)
    if said is None:
        assert draft([tmp_path / "m.csv"], "mine")
        return
    with pytest.raises(RecordingError, match=said):
        draft([tmp_path / "m.csv"], "mine")


def test_a_sensor_that_is_missing_stuck_or_in_another_unit_is_doubted(tmp_path: Path) -> None:
    rows = "".join(f"A,2024-03-01 00:{m:02},{130 + m % 3},7,\n" for m in range(30))
    drafted(
        tmp_path / "d.csv",
        "machine,time,air temp [degC],flow [l/s],level [m]\n" + rows + "A,2024-03-01 01:00,130,7,1\n",
    )
    narrow = {**tomllib.loads(draft([tmp_path / "d.csv"], "mine"))}
    narrow["sensors"][0].update(low=-20, high=80)
    temp, flow, level = look_at(read_recording(tmp_path / "d.csv", parse_fleet(narrow, "x")))
    assert (temp.outside, temp.doubts) == (
        1.0,
        ("unit: as degF the values would be plausible: unit = 'degF' of the column",),
    )
    assert flow.doubts[0].startswith("stuck: 1 machines")
    assert level.missing == pytest.approx(30 / 31)
