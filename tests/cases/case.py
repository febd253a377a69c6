"""One case: what is run through the product, and what has to come out."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chillcast.recordings.recorded import backtest_recording
from chillcast.recordings.replay_request import ReplayRequest
from chillcast.terminal.reporter import Reporter
from models.errors import ChillcastError
from models.fleet.fleet import Fleet, parse_fleet
from models.learning.history import History, KeptWindows
from models.telemetry.samples import Float64
from simulators.recordings.recording import Recorded, read_recording

SHARED = Path(os.environ.get("CHILLCAST_CASES", Path(__file__).parents[2].parent / "shared" / "cases"))


@dataclass(frozen=True)
class Case:
    """``run`` is given the folder of a case and says what came out; it is right if ``expected`` is in it."""

    name: str
    run: Callable[[Path], str]
    expected: str

    @property
    def folder(self) -> Path:
        """Where its input lies."""
        return SHARED / self.name.partition("/")[0].partition(" ")[0]

    def said(self) -> str:
        """Run it; an error on purpose is what it says, as a person would see it."""
        try:
            return self.run(self.folder)
        except ChillcastError as error:
            return f"refused: {error}".replace(f"{self.folder}/", "")

    def is_right(self, said: str) -> bool:
        """Return whether it is what has to come out."""
        return re.search(self.expected, said) is not None


def missing_cases() -> str | None:
    """Return why cases cannot be run, None if they can."""
    return None if SHARED.is_dir() else f"{SHARED} is not there: the cases are not part of the repository"


def fleet_with(
    folder: Path,
    keys: Mapping[str, Any],
    *,
    toml: str = "fleet.toml",
    columns: Mapping[str, Mapping[str, Any]] | None = None,
    sensors: Mapping[str, Any] | None = None,
) -> Fleet:
    """Return a case's fleet with other keys of [recording] (None takes one away), columns and sensors."""
    raw = tomllib.loads((folder / toml).read_text(encoding="utf-8"))
    recording = {**raw["recording"], **keys}
    raw["recording"] = {key: value for key, value in recording.items() if value is not None}
    for key, given in (columns or {}).items():
        raw["recording"]["columns"][key].update(given)
    for sensor in raw["sensors"]:
        sensor.update(sensors or {})
    return parse_fleet(raw, toml)


def reads(
    file: str,
    *,
    toml: str = "fleet.toml",
    columns: Mapping[str, Mapping[str, Any]] | None = None,
    **keys: Any,
) -> Callable[[Path], str]:
    """Return what reads a file through the case's fleet with other keys, and says what it holds."""
    return lambda folder: held(
        read_recording(folder / file, fleet_with(folder, keys, toml=toml, columns=columns))
    )


def held(found: Recorded) -> str:
    """Say what a recording holds, in one line."""
    quality, samples = found.quality, found.samples
    first = ", ".join(f"{value:g}" for value in samples.values[0].tolist())
    step = int(np.median(np.diff(np.unique(samples.time_ms)))) if len(samples) > 1 else 0
    parts = [
        f"{quality.rows} rows, {len(samples)} samples of {quality.assets}",
        f"from {quality.from_ms} every {step} ms, first {first}",
        f"{sum(quality.missing.values())} missing",
        f"{len(found.events)} events",
        *(f"{event.asset} {event.kind} {event.code} {event.time_ms}" for event in found.events[:3]),
        *quality.remarks,
    ]
    return "; ".join(parts)


def judged(file: str, train_until: str) -> Callable[[Path], str]:
    """Return what learns from a recording up to a date, and says how many failures were alerted after it."""

    def run(folder: Path) -> str:
        request = ReplayRequest(folder / file, fleet_with(folder, {}), train_until, seed=1)
        found = backtest_recording(request, Reporter())
        by_policy = f"{found['alerted']} of {found['failures']} by {found['budget']}"
        daily = f"{found['daily_share_alerted']} of {found['failures']} by {found['daily_share']}"
        return f"{by_policy}; {daily}; {found['days_tested']} days tested"

    return run


def features(file: str, *names: str, **keys: Any) -> Callable[[Path], str]:
    """Return what says the range of features over all windows but the first, and their gaps."""
    sensors = keys.pop("sensors", None)

    def run(folder: Path) -> str:
        fleet = fleet_with(folder, keys, sensors=sensors)
        history = History(fleet, read_recording(folder / file, fleet).slices())
        kept = KeptWindows()
        for windows in history.until(1 << 62):
            kept.add(history.keys(windows), windows.values)
        values = kept.table()[1][1:]
        return "; ".join(_range(name, values[:, history.schema.names.index(name)]) for name in names)

    return run


def _range(name: str, column: Float64) -> str:
    if np.isnan(column).all():
        return f"{name} nothing"
    return f"{name} {np.nanmin(column):.4g} to {np.nanmax(column):.4g}, {np.isnan(column).sum()} gaps"
