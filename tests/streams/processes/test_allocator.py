"""What a large batch took is given back."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

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


_THREADS = """
import ctypes, sys, threading
from streams.processes.allocator import share_arenas

if sys.argv[2] == "shared":
    share_arenas()
barrier, held = threading.Barrier(8), []

def hold():
    barrier.wait()
    for _ in range(200):
        held.append(bytes(1_000))
        held.append(bytes(300_000))
    barrier.wait()

threads = [threading.Thread(target=hold) for _ in range(8)]
for one in threads: one.start()
for one in threads: one.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def arenas_and_mapped(path: Path, how: str) -> tuple[int, int]:
    """Return how many arenas eight threads have, and how many blocks lie apart from them."""
    subprocess.run([sys.executable, "-c", _THREADS, str(path), how], check=True)
    told = path.read_text(encoding="utf-8")
    mapped = re.search(r'<total type="mmap" count="(\d+)"', told)
    return len(re.findall(r"<heap nr=", told)), int(mapped[1]) if mapped else 0


def test_threads_share_two_arenas_and_large_blocks_lie_apart(tmp_path: Path) -> None:
    assert arenas_and_mapped(tmp_path / "own.xml", "own")[0] > 2
    arenas, mapped = arenas_and_mapped(tmp_path / "shared.xml", "shared")
    assert arenas <= 2
    assert mapped >= 8 * 200
