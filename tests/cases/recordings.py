"""Cases that are recordings: what a newcomer's fleet file makes of them, and what other keys make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.fleet.fleet import load_fleet
from models.fleet.inventory import read_inventory
from simulators.recordings.recording import read_recording
from tests.cases.case import Case, features, fleet_with, judged, reads

MARCH = 1_709_251_200_000  # 2024-03-01 00:00 UTC
_TWELVE = rf"^12 rows, 12 samples of 1; from {MARCH} every 600000 ms, first 20; 0 missing; 0 events$"
_ONE: dict[str, Any] = {"asset": None, "asset_name": "M1"}
_ISO = r"^refused: .*row 1, column \w+: '.*': expected a date or time in ISO 8601"


def _formats() -> list[Case]:
    known = {
        "compact": "%Y%m%d%H%M",
        "compact_s": "%Y%m%d%H%M%S",
        "dmy": "%d.%m.%Y %H:%M",
        "epoch_ms": "unix_ms",
        "epoch_s": "unix_s",
        "excel": "excel",
        "slash": "%Y/%m/%d %H:%M",
        "us_ampm": "%m/%d/%Y %I:%M:%S %p",
    }
    case, out = "21-time-formats", []
    for name, form in known.items():
        would = rf"{_ISO}; time_format = '{form}' would read 2024-03-01 00:00:00$"
        out.append(Case(f"{case}/{name}.csv as it is", reads(f"{name}.csv"), would))
        out.append(Case(f"{case}/{name}.csv", reads(f"{name}.csv", time_format=form), _TWELVE))
    midnight = r"^3 rows, 3 samples of 1; from 1709337000000 every 600000 ms"
    return [*out, Case(f"{case}/midnight24.csv", reads("midnight24.csv"), midnight)]


def _inventory(folder: Path) -> str:
    fleet = fleet_with(folder, {})
    names = read_recording(folder / "data.csv", fleet).samples.assets
    known = read_inventory(folder / "inventory.csv", fleet)
    return ", ".join(f"{name} {known.machines.get(name)}" for name in sorted(names))


def _checks(name: str) -> Case:
    zone = {"zone-GMT+1": r"\+01:00", "zone-Europe_Nowhere": "IANA"}.get(name)
    right = rf"^refused: .*recording.timezone = .*{zone}" if zone else r"^read$"
    return Case(f"32-odds/{name}.toml", lambda folder: _checked(folder / f"{name}.toml"), right)


def _checked(path: Path) -> str:
    load_fleet(path)
    return "read"


def _odds() -> list[Case]:
    case = "32-odds"
    whole = ["rows-longer-than-header", "trailing-comma", "spaces-in-header", "spaces-in-values"]
    events = ["ev-bool-1", "ev-bool-true", "ev-bool-tomltrue", "ev-zeros"]
    zones = ("zone-CET", "zone-EST5EDT", "zone-GMT+1", "zone-UTC+8", "zone-Europe_Nowhere")
    blank = _TWELVE.removesuffix("$") + "; blank rows: 2; the first: .*row 13$"
    nothing = r"; 0 events; .*events\[0\]: no row in which code equals '1': it holds '' \(11\), '1.0' \(1\)$"
    return [
        *(Case(f"{case}/{name}.csv", reads(f"{name}.csv"), _TWELVE) for name in whole),
        *(
            Case(f"{case}/{name}.toml", reads("events.csv", toml=f"{name}.toml"), "; 1 events; P1 shutdown")
            for name in events
        ),
        Case(f"{case}/ev-float-str.toml", reads("events.csv", toml="ev-float-str.toml"), nothing),
        Case(f"{case}/blank-rows.csv", reads("blank-rows.csv"), blank),
        Case(f"{case}/far.csv", reads("far.csv"), r"^refused: .*row 1, column time: .*from 1970 to 2200"),
        Case(f"{case}/long-asset.csv", reads("long-asset.csv"), r"^refused: .*at most 128 characters"),
        Case(f"{case}/midyear.csv", reads("midyear.csv"), r"^12 rows, 12 samples of 1; .* every 86400000 ms"),
        Case(f"{case}/mixed-offset.csv", reads("mixed-offset.csv"), r"from 1709248200000 every .* first 21;"),
        Case(
            f"{case}/nulls-inf.csv",
            reads("nulls-inf.csv", columns={"temp": {"nulls": [-9999.0]}}),
            "4 missing",
        ),
        Case(f"{case}/suffix.csv as it is", reads("suffix.csv"), r"'20 °C': .*suffix = '°C' would read 20$"),
        Case(f"{case}/suffix.csv", reads("suffix.csv", columns={"temp": {"suffix": "°C"}}), _TWELVE),
        Case(f"{case}/thousands.csv as it is", reads("thousands.csv"), r"thousands = ',' would read 1200.5$"),
        Case(f"{case}/thousands.csv", reads("thousands.csv", thousands=","), "first 1200.5; 0 missing"),
        Case(f"{case}/toa5.csv as it is", reads("toa5.csv"), r"^refused: .*'TS': .*units_rows"),
        Case(f"{case}/toa5.csv", reads("toa5.csv", units_rows=2), _TWELVE),
        Case(f"{case}/units-row.csv as it is", reads("units-row.csv"), r"^refused: .*nothing: .*units_rows"),
        Case(f"{case}/units-row.csv", reads("units-row.csv", units_rows=1), _TWELVE),
        *map(_checks, (*zones, "subsecond")),
        Case(
            f"{case}/inv-semi.csv",
            lambda folder: str(read_inventory(folder / "inv-semi.csv", fleet_with(folder, {})).machines),
            r"^refused: .*line 1 = 'asset;model': expected a column asset",
        ),
    ]


_FAILURES: dict[str, Any] = {
    "events": None,
    "event_files": [
        {"file": "failures.csv", "asset": "machineID", "time": "datetime", "code_column": "failure"}
    ],
}
_HEADINGS: dict[str, Any] = {"asset": None, "heading_pattern": r"(?P<asset>\w+)\.(?P<point>\w+)"}
_OFF = "rows years apart from all others: 1; the first: P0 at"

CASES = [
    Case("01-bartech-chiller as it is", reads("data.csv"), r"^refused: .*no column 'chiller'"),
    Case(
        "01-bartech-chiller without a format", reads("data.csv", **_ONE), "time_format = 'unix_s' would read"
    ),
    Case(
        "01-bartech-chiller",
        reads("data.csv", **_ONE, time_format="unix_s"),
        r"^59 rows, 59 samples of 1; from 1726630200000 every 900000 ms, first 17.56; 0 missing",
    ),
    Case("02-skab-valve as it is", reads("data.csv"), r"^refused: .*delimiter = ';' would part it"),
    Case(
        "02-skab-valve",
        reads("data.csv", **_ONE, delimiter=";"),
        r"^19 rows, 19 samples of 1; .* every 1000 ms, first 0.0265878, .*; 0 missing",
    ),
    Case("04-lbnl-ahu as it is", reads("data.csv", **_ONE), r"time_format = '%m/%d/%Y %H:%M' would read"),
    Case(
        "04-lbnl-ahu",
        reads("data.csv", **_ONE, time_format="%m/%d/%Y %H:%M"),
        r"^19 rows, 19 samples of 1; from 1188259200000 every 60000 ms, first 75.92, 80.61, 0.2; 0 missing",
    ),
    Case("06-wind-t1 as it is", reads("data.csv", **_ONE), r"^refused: .*not utf-8: byte 0xb0 .*encoding ="),
    Case(
        "06-wind-t1",
        reads("data.csv", **_ONE, encoding="latin-1", time_format="%d %m %Y %H:%M"),
        r"^19 rows, 19 samples of 1; from 1514754000000 every 600000 ms, first 380.048, 5.31134, 259.995",
    ),
    Case("07-azure-pdm as it is", reads("telemetry.csv"), r"0 events; .*no file has a column 'failure'"),
    Case("07-azure-pdm", reads("telemetry.csv", **_FAILURES), r"5 events; 1 shutdown comp4 1578204000000"),
    Case("11-leading-zeros", _inventory, r"^0012 \{'model': 'B'\}, 007 \{'model': 'A'\}$"),
    Case("12-microseconds", reads("data.csv"), rf"^12 rows, 12 samples of 1; from {MARCH + 123} every"),
    Case("12-microseconds/offset.csv", reads("offset.csv"), rf"^12 rows, .* from {MARCH + 123} every"),
    Case("13-clock-only as it is", reads("data.csv"), r"^refused: .*a time without a date"),
    Case("13-clock-only", reads("data.csv", date="date"), _TWELVE),
    Case("15-big-counter", reads("data.csv"), r"^12 rows, .* first 9.0072e\+15; 0 missing"),
    Case(
        "15-big-counter as a counter",
        features("data.csv", "pulses.10m.mean", "pulses.1h.mean", sensors={"kind": "counter"}),
        r"^pulses.10m.mean 1.44e\+05 to 1.44e\+05, 0 gaps; pulses.1h.mean 1.44e\+05 to 1.44e\+05, 0 gaps$",
    ),
    Case("17-text-nulls as it is", reads("data.csv"), r"^refused: .*row 6, column temp: 'Bad'.*missing ="),
    Case("17-text-nulls", reads("data.csv", missing=["Bad"]), r"^12 rows, .* 1 missing; 0 events$"),
    Case(
        "17-text-nulls/unavailable.csv",
        reads("unavailable.csv", missing=["unavailable"]),
        "^12 rows, .* 1 missing;",
    ),
    Case("18-status-text as it is", reads("data.csv"), r"row 1, column mode: 'OFF': .*words = "),
    Case("18-status-text", reads("data.csv", words={"ON": 1, "OFF": 0}), "first 20, 0; 0 missing"),
    Case("18-status-text/bool.csv", reads("bool.csv"), "first 20, 0; 0 missing"),
    Case("19-decimal-comma as it is", reads("data.csv"), "delimiter = ';' would part it"),
    Case("19-decimal-comma half", reads("data.csv", delimiter=";"), "decimal = ',' would read 20.5$"),
    Case(
        "19-decimal-comma",
        reads("data.csv", delimiter=";", decimal=","),
        "^12 rows, .* first 20.5; 0 missing",
    ),
    Case(
        "19-decimal-comma/quoted.csv", reads("quoted.csv", decimal=","), "^12 rows, .* first 20.5; 0 missing"
    ),
    Case("20-latin1 as it is", reads("data.csv"), r"^refused: .*not utf-8: .*encoding = "),
    Case("20-latin1", reads("data.csv", encoding="latin-1"), _TWELVE),
    Case("20-latin1/utf16.csv", reads("utf16.csv"), _TWELVE),
    Case("20-latin1/utf8bom.csv", reads("utf8bom.csv"), _TWELVE),
    *_formats(),
    Case("22-typo-year", reads("data.csv"), rf"^24 rows, 23 samples .*{_OFF} 2124-03-01 01:00"),
    Case("22-typo-year/past.csv", reads("past.csv"), rf"^24 rows, 23 samples .*{_OFF} 1974-03-01 01:00"),
    Case("23-label-runs", reads("data.csv"), r"1 events; P1 shutdown  1709311200000$"),
    Case("23-label-runs/bool.toml", reads("data.csv", toml="bool.toml"), r"1 events; P1 shutdown  17093112"),
    Case("24-dst", reads("data.csv"), r"^16 rows, 16 samples of 1; from 1729983600000 every 900000 ms"),
    Case(
        "26-counter",
        features("data.csv", "kwh.10m.mean", "kwh.1h.mean", sensors={"kind": "counter"}),
        r"^kwh.10m.mean 72 to 72, 0 gaps; kwh.1h.mean 72 to 72, 0 gaps$",
    ),
    Case("27-long-layout as it is", reads("data.csv"), r"^refused: .*there are time, unit, point, value$"),
    Case(
        "27-long-layout",
        reads("data.csv", point="point", value="value"),
        "^12 rows, 12 samples of 1; .* 12 missing",
    ),
    Case("28-machine-in-column as it is", reads("data.csv"), "^refused: .*there are time, P1.temp, P2.temp$"),
    Case(
        "28-machine-in-column",
        reads("data.csv", **_HEADINGS, columns={"temp": {"column": "temp"}}),
        "^12 rows, 24 samples of 2; .*first 20; 0 missing",
    ),
    *(
        Case(
            f"29-alternating-rows/{file}",
            features(file, "temp.10m.missing", "flow.10m.missing"),
            r"^temp.10m.missing 0 to 0, 0 gaps; flow.10m.missing 0 to 0, 0 gaps$",
        )
        for file in ("data.csv", "sametime.csv")
    ),
    Case(
        "30-small-fleet-budget",
        judged("data.csv", "2024-02-01"),
        r"^\d+ of 19 by cases: 3 of 4 .*; 1\d of 19 by 0.01: the 1 of 10 .*; 29 days tested$",
    ),
    *_odds(),
    Case(
        "33-counter-wraps",
        features(
            "data.csv", "pulses.10m.mean", "pulses.1h.mean", sensors={"kind": "counter", "wrap_at": 65536.0}
        ),
        r"^pulses.10m.mean 1.44e\+04 to 1.44e\+04, 0 gaps; pulses.1h.mean 1.44e\+04 to 1.44e\+04, 0 gaps$",
    ),
]
