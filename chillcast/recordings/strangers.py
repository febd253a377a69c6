"""Strange recordings: a first fleet file for them, and what a fleet file makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.errors import ConfigError, ModelError
from models.features.driver_shifts import FEWEST_SHUTDOWNS, DriverShift, driver_shifts
from models.features.expectation_fit import running_samples
from models.fleet.fleet import Fleet, load_fleet
from models.telemetry.event_log import EventLog
from models.telemetry.samples import utc
from simulators.recordings.checking import look_at
from simulators.recordings.fleet_draft import draft
from simulators.recordings.recording import Recorded, read_recording


def inspect_files(files: Sequence[Path], out: Path | None, name: str | None) -> str:
    """Return a first fleet file for recordings; write it to ``out``, which must not be there.

    The first file is the recording, further ones hold events. Raises ConfigError if ``out`` is there.
    """
    if out is not None and out.exists():
        raise ConfigError("command line", "--out", str(out), "a file that is not there yet")
    text = draft(files, name or files[0].resolve().stem or "fleet")
    if out is not None:
        out.write_text(text, encoding="utf-8")
        load_fleet(out)
    return text


def check_recording(fleet: Fleet, path: Path) -> dict[str, Any]:
    """Read a recording through a fleet file, and return what it holds and how each sensor looks."""
    found = read_recording(path, fleet)
    quality = found.quality
    kinds = [event.kind for event in found.events]
    drivers, remarks = _drivers(fleet, found)
    return {
        "rows": quality.rows,
        "machines": quality.assets,
        "from": utc(quality.from_ms),
        "until": utc(quality.until_ms),
        "events": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "unknown_machines": quality.unknown_assets,
        "missing_samples": quality.missing_samples,
        "duplicates": quality.duplicates,
        "merged_readings": quality.merged_readings,
        "repeated_local_times": quality.repeated_hours,
        "left_out": quality.left_out,
        "remarks": [{"remark": remark} for remark in (*quality.remarks, *remarks)],
        "sensors": [asdict(look) | {"doubts": "; ".join(look.doubts)} for look in look_at(found)],
        "drivers": drivers,
    }


def _drivers(fleet: Fleet, found: Recorded) -> tuple[list[dict[str, Any]], list[str]]:
    """Return how far faults move each driver, and why nothing is known of it."""
    if not fleet.expectation:
        return [], []
    try:
        sample = running_samples(fleet, found.slices())
    except ModelError as error:
        return [], [f"drivers were not looked at: {error}"]
    rows = [_driver(shift) for shift in driver_shifts(fleet, sample, EventLog(found.events))]
    few = f"drivers were not looked at: no fault has {FEWEST_SHUTDOWNS} shutdowns whose week is known"
    return rows, [] if rows else [few]


def _driver(shift: DriverShift) -> dict[str, Any]:
    doubt = "the fault moves it, and is hidden by it: choose another driver" if shift.is_moved else ""
    return {
        "driver": shift.driver,
        "beside": " ".join(shift.others),
        "fault": shift.fault,
        "shutdowns": shift.shutdowns,
        "shift_sd": round(shift.shift_sd, 2),
        "error_sd": round(shift.error_sd, 2),
        "doubts": doubt,
    }
