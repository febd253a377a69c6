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


_ARENAS = """
import ctypes, sys, tempfile, threading
from streams.processes.allocator import share_arenas

if sys.argv[1] == "shared":
    share_arenas()
barrier = threading.Barrier(7)

def hold():
    held = [bytes(1000) for _ in range(1000)]
    barrier.wait()
    barrier.wait()

for _ in range(6):
    threading.Thread(target=hold).start()
barrier.wait()
c = ctypes.CDLL(None)
c.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile("r") as told:
    stream = ctypes.c_void_p(c.fopen(told.name.encode(), b"w"))
    c.malloc_info(0, stream)
    c.fclose(stream)
    print(told.read().count("<heap"))
barrier.wait()
"""


def test_threads_share_what_they_take_memory_from() -> None:
    assert [_arenas(how) for how in ("own", "shared")] == [7, 2]


def _arenas(how: str) -> int:
    return int(subprocess.run([sys.executable, "-c", _ARENAS, how], capture_output=True, check=True).stdout)
