"""Strange recordings: a first fleet file for them, and what a fleet file makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.errors import ConfigError
from models.fleet.fleet import Fleet, load_fleet
from models.telemetry.samples import utc
from simulators.recordings.checking import look_at
from simulators.recordings.fleet_draft import draft
from simulators.recordings.recording import read_recording


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
        "remarks": [{"remark": remark} for remark in quality.remarks],
        "sensors": [asdict(look) | {"doubts": "; ".join(look.doubts)} for look in look_at(found)],
    }
