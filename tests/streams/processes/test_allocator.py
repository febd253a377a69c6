"""What a large batch took is given back."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
from pathlib import Path
from streams.processes.allocator import give_back

def resident_mb():
    return float(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024

held = [bytes(50_000) for _ in range(4_000)]
kept = held[::100] + [bytes(1000)]
before = resident_mb()
del held
give_back()
print(before - resident_mb())
"""


def test_what_nothing_uses_any_more_goes_back_to_the_system_though_some_between_is_in_use() -> None:
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert float(ended.stdout) > 100.0
