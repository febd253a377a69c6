"""The page of cases: a list of 16,000 machines, what a change costs, 200 readers at once, the first paint.

The figures of a change stand beside reading and decoding the case of every machine, those of readers
beside as many ready bytes, those of the first paint beside a page that shows nothing of the store.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import structs
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

from benchmarks.page import (
    HOUR_MS,
    HOURS,
    MACHINES,
    NAMES,
    READERS,
    START_MS,
    compare,
    evidence,
    filled,
    read,
    serving,
)
from benchmarks.record import record
from models.cases.book import CaseBook
from models.cases.machine import Signal
from models.cases.people import Command
from models.event_time import DAY_MS
from streams.stores.case_points import case_point
from streams.stores.case_query import CaseQuery, find_cases
from streams.stores.case_reader import present_cases
from streams.stores.sqlite import SqliteStore
from streams.stores.sqlite_reader import SqliteReader

FLEET_OF, ROUNDS, OPEN_EVERY = 16_000, 5, 20
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


def signals(name: str, number: int) -> Iterator[Signal]:
    """Yield how the case of a machine opened and, of all but some, ended."""
    opened_ms = START_MS + number % HOURS * HOUR_MS
    said = structs.replace(
        evidence(opened_ms),
        severity="critical" if number % 200 == 0 else "warning",
        risk=0.1 + number % 50 / 100,
        threshold=0.1,
        from_ms=opened_ms + 2 * DAY_MS,
        until_ms=opened_ms + 9 * DAY_MS,
    )
    about = {"case": f"{name}-{opened_ms}", "asset": name, "opened_ms": opened_ms}
    yield Signal(**about, stage="open", evidence=said)
    if number % OPEN_EVERY:
        yield Signal(**about, stage="closed", evidence=said, reason="cleared")


def lead(store: SqliteStore, names: Sequence[str]) -> CaseBook:
    """Keep a case of every machine, of which every twentieth is open; return the book that leads them."""
    book = CaseBook(14 * DAY_MS)
    for number, name in enumerate(names):
        for signal in signals(name, number):
            book.hear(signal)
        case = book.remember(name).case
        assert case is not None
        store.add([case_point(case)])
    store.flush()
    return book


def acknowledge(store: SqliteStore, book: CaseBook, name: str, turn: int) -> None:
    """Change one case, to and fro."""
    case = book.remember(name).case
    assert case is not None
    action = "unacknowledge" if case.acknowledged else "acknowledge"
    command = Command(
        id=f"{name}{turn}",
        asset=name,
        action=action,
        version=case.version,
        who="ann",
        time_ms=case.changed_ms,
    )
    changed = book.ask(command)[1].case
    assert changed is not None
    store.add([case_point(changed)])
    store.flush()


def median_s(do: Callable[[], object], before: Callable[[], object] = int) -> float:
    """Return the median of some rounds."""
    took = []
    for _ in range(ROUNDS):
        before()
        begun = time.perf_counter()
        do()
        took.append(time.perf_counter() - begun)
    return sorted(took)[ROUNDS // 2]


def changes(store: SqliteStore, path: Path, book: CaseBook, name: str, of: int) -> None:
    """Record what the list takes after a change, beside reading all cases."""
    reader, turns = SqliteReader(path), iter(range(1000))
    now_ms = START_MS + HOURS * HOUR_MS

    def change() -> None:
        acknowledge(store, book, name, next(turns))

    every = median_s(lambda: present_cases(reader), change)
    for what, query in (
        ("open", CaseQuery(now_ms)),
        ("all", CaseQuery(now_ms, state="all", words="bearing")),
    ):
        took = median_s(lambda query=query: find_cases(reader, query), change)  # type: ignore[misc]
        record(f"cases: 50 of {of} machines, {what}, read after a change", took * 1e3, every * 1e3, "ms")


def painted_ms(tab: Tab, address: str) -> float:
    """Return when something of a page was seen first."""
    took = []
    for _ in range(ROUNDS):
        tab.goto(address)
        while not (shown := float(tab.evaluate(PAINT))):
            tab.wait_for_timeout(20)
        took.append(shown)
    return sorted(took)[ROUNDS // 2]


def paints(port: int, paths: Sequence[str]) -> None:
    """Record the first paint of pages beside that of a page without anything."""
    with sync_playwright() as playwright:
        binary = next(found for name in BROWSERS if (found := shutil.which(name)))
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        tab = browser.new_page()
        least = painted_ms(tab, f"http://localhost:{port}/glossary")
        for path in paths:
            shown = painted_ms(tab, f"http://localhost:{port}{path}")
            record(f"page: first paint of {path}, {MACHINES} machines", shown, least, "ms")
        browser.close()


def main() -> None:
    """Measure lists of 16,000 and 4,000 machines, pages for 200 readers, and what is seen first."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        large, path = Path(folder) / "large.db", Path(folder) / "store.db"
        names = [f"CH-{i:05d}" for i in range(FLEET_OF)]
        store = SqliteStore(large)
        changes(store, large, lead(store, names), names[0], FLEET_OF)
        store.close()
        store = filled(path)
        book = lead(store, NAMES)
        changes(store, path, book, NAMES[0], MACHINES)
        turns = iter(range(10_000, 20_000))

        def change() -> None:
            acknowledge(store, book, NAMES[20], next(turns))
            time.sleep(0.3)

        with serving(path) as port:
            served = median_s(lambda: asyncio.run(read(port, "/cases")), change)
            again = median_s(lambda: asyncio.run(read(port, "/cases")))
            record(f"cases: the page of {MACHINES} machines after a change", served * 1e3, again * 1e3, "ms")
            compare("cases, just changed", port, ["/cases"] * READERS, change)
            compare("weeks", port, ["/weeks"] * READERS)
            paints(port, ["/cases", "/", "/weeks", f"/assets/{NAMES[20]}"])


if __name__ == "__main__":
    main()
