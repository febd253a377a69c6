"""Single samples through chillcast, Quix Streams and Bytewax: the same messages, broker and windows.

The rivals are installed for this alone, into an environment in the user's cache.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from benchmarks.load import FLEET, SENSORS, samples
from benchmarks.record import record
from benchmarks.site import WORKER, Site, broker
from benchmarks.stream import rate
from streams.kafka.connection import Connection

NEEDS = ("quixstreams==3.28.1", "bytewax==0.21.1", "numpy")
RIVALS = (("Quix Streams", "quix.py", 400, 100), ("Bytewax", "bytewax_flow.py", 4000, 1000))
HOURS = [str(s // 3600) for s in FLEET.sampling.windows_s]


def interpreter() -> Path:
    """Return a Python that has the rivals."""
    cache = Path(os.environ.get("CHILLCAST_CACHE") or Path.home() / ".cache" / "chillcast")
    home = cache / f"rivals-{sys.version_info[0]}.{sys.version_info[1]}"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *NEEDS], check=True)
        (home / "ready").touch()
    return python


def rival(python: Path, script: str, connection: Connection, topic: str, counts: tuple[int, int]) -> float:
    """Return messages a second as the rival says."""
    path = Path(__file__).parent / "rivals" / script
    words = [str(connection), topic, str(SENSORS), *map(str, counts), *HOURS]
    done = subprocess.run([python, path, *words], capture_output=True, text=True, timeout=600, check=False)
    found = re.search(r"^rate ([0-9.]+)$", done.stdout, re.M)
    if found is None:
        raise SystemExit(f"{script} said no rate:\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
    return float(found[1])


def main() -> None:
    """Measure chillcast against each rival."""
    python = interpreter()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, broker(Path(folder)) as (kind, connection):
        load = list(samples(100, 80_000))
        ours = rate(connection, Path(folder), "ours", load, WORKER).per_s
        site = Site(connection, Path(folder), "rivals", partitions=1)
        site.publish(load[:6000])
        for name, script, messages, warm in RIVALS:
            theirs = rival(python, script, connection, site.topics.telemetry, (messages, warm))
            record(f"single samples: chillcast against {name}, {kind}", ours, theirs, "messages/s")


if __name__ == "__main__":
    main()
