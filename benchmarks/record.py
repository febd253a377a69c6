"""Figures of benchmarks, kept in ``.chillcast/bench.json``: one object per figure."""

from __future__ import annotations

import json
from pathlib import Path

PATH = Path(__file__).parent.parent / ".chillcast" / "bench.json"


def record(name: str, value: float, baseline: float, unit: str) -> None:
    """Keep a figure beside its baseline of the same run, in the place of an older one; and print it."""
    figures = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else []
    kept = [f for f in figures if f["name"] != name]
    new = {"name": name, "value": value, "baseline": baseline, "ratio": value / baseline, "unit": unit}
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(json.dumps([*kept, new], indent=2) + "\n", encoding="utf-8")
    print(f"{name}: {value:.4g} {unit} against {baseline:.4g}, ratio {value / baseline:.3g}", flush=True)


def peak_bytes(process: int | str = "self") -> float:
    """Return the most memory a process ever held at a time."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return 1024 * float(status.partition("VmHWM:")[2].split()[0])
