"""200 readers at once of the page of 4,000 machines, beside as many ready bytes from the same server.

The figure is the time until the slowest reader has all of its answer. The store is the embedded one.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.record import record
from models.cases.book import CaseBook
from models.cases.case import Evidence
from models.cases.machine import Signal
from models.event_time import DAY_MS
from models.fleet.fleet import load_fleet
from models.risk.explanation import Reason
from streams.page.app import create_app
from streams.page.server import create_server
from streams.stores.case_points import case_point
from streams.stores.sqlite import SqliteStore
from streams.stores.sqlite_reader import SqliteReader
from streams.stores.store import Point

MACHINES, HOURS, READERS, ROUNDS = 4000, 48, 200, 5
HOUR_MS, START_MS = 3_600_000, 1_767_225_600_000
NAMES = [f"CH-{i:04d}" for i in range(MACHINES)]
_REASON = Reason("t", "thrust bearing temperature", "degC", 78.3, 61.2, 2.0, "78.3 °C", "61.2 °C")
FLEET = load_fleet(Path(__file__).parent.parent / "fleets" / "chiller.toml")


def scores(hour: int) -> list[Point]:
    """Return an hour's score of every machine."""
    who, end_ms = {"model": "3", "scored_by": "fleet"}, START_MS + hour * HOUR_MS
    return [
        Point("scores", {"asset": name}, {"risk_14d": i / MACHINES, "adapted": 0.1, **who}, end_ms)
        for i, name in enumerate(NAMES)
    ]


def evidence(opened_ms: int) -> Evidence:
    """Return what is said of a case that opens."""
    return Evidence(
        time_ms=opened_ms,
        severity="warning",
        risk=0.6,
        threshold=0.4,
        horizon_d=14.0,
        text="Likely safety shutdown in 2–5 days",
        fault="bearing wear",
        check="Take a vibration reading and an oil analysis for metal.",
        model="3",
        sensors=(_REASON,) * 3,
    )


def case(name: str) -> Point:
    """Return an open case."""
    about = {"case": f"{name}-{START_MS}", "asset": name, "opened_ms": START_MS}
    found = CaseBook(14 * DAY_MS).hear(Signal(**about, stage="open", evidence=evidence(START_MS))).case
    assert found is not None
    return case_point(found)


def filled(path: Path) -> SqliteStore:
    """Return a store of two days, with a case on every twentieth machine."""
    store = SqliteStore(path)
    for hour in range(HOURS):
        store.add(scores(hour))
        store.flush()
    store.add([case(name) for name in NAMES[::20]])
    store.flush()
    return store


class Beside:
    """The page, and at ``/ready/SIZE`` as many bytes that need no making."""

    def __init__(self, page: ASGIApp) -> None:
        self.page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the one, or let the page."""
        if scope["type"] == "http" and scope["path"].startswith("/ready/"):
            size = int(Request(scope).url.path.removeprefix("/ready/"))
            await Response(b"x" * size, media_type="text/html")(scope, receive, send)
        else:
            await self.page(scope, receive, send)


def serve(path: Path) -> None:
    """Serve until killed; print the port first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        now_ms = START_MS + HOURS * HOUR_MS
        page = create_app(SqliteReader(path), FLEET, clock=lambda: now_ms)
        create_server(Beside(page)).run([listener])


@contextlib.contextmanager
def serving(path: Path) -> Iterator[int]:
    """Serve in a process of its own, and yield the port."""
    command = [sys.executable, "-m", "benchmarks.page", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


async def read(port: int, path: str) -> int:
    """Return the bytes of an answer's body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    writer.close()
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"{path}: {head.decode()}")
    return len(body)


async def slowest(port: int, paths: Sequence[str]) -> float:
    """Return the seconds until all have been read, asked for at once."""
    begun = time.perf_counter()
    await asyncio.gather(*(read(port, path) for path in paths))
    return time.perf_counter() - begun


def compare(name: str, port: int, paths: Sequence[str], before: Callable[[], object] = int) -> None:
    """Record the median of some rounds beside as many bytes that were ready, the two in turn."""
    size = asyncio.run(read(port, paths[0]))
    ours, ready = [], []
    for _ in range(ROUNDS):
        before()
        ours.append(asyncio.run(slowest(port, paths)))
        ready.append(asyncio.run(slowest(port, [f"/ready/{size}"] * len(paths))))
    of = f"{len(paths)} readers at once, {size // 1000} kB each, {MACHINES} machines"
    record(f"page: {name}: slowest of {of}", sorted(ours)[ROUNDS // 2], sorted(ready)[ROUNDS // 2], "s")


def writing(store: SqliteStore, stop: threading.Event) -> None:
    """Write an hour of scores again and again, as a replay does."""
    while not stop.wait(0.5):
        store.add(scores(HOURS - 1))
        store.flush()


def main() -> None:
    """Measure the list: the same, just changed, while it changes; and machines, each reader another."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "store.db"
        store = filled(path)

        def change() -> None:
            store.add(scores(HOURS - 1)[:1])
            store.flush()
            time.sleep(2.5)

        with serving(path) as port:
            compare("the list", port, ["/"] * READERS)
            compare("the list, just changed", port, ["/"] * READERS, change)
            compare("a machine each, just changed", port, [f"/assets/{n}" for n in NAMES[:READERS]], change)
            stop = threading.Event()
            writer = threading.Thread(target=writing, args=(store, stop))
            writer.start()
            compare("the list, while all is written", port, ["/"] * READERS)
            stop.set()
            writer.join()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(Path(sys.argv[1]))
    else:
        main()
