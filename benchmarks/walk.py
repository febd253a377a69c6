"""The walk from an alert to its acknowledgement: the alerts of the last demonstration, sent once more.

Broker, workers, store and page are those of a running pipeline; who acknowledges does it through the API of
the page, as soon as that shows the case. What a person takes to read it is not in the figures. The baseline
is how long a message takes to the broker and back.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

from benchmarks.record import record
from chillcast.pipeline.pipeline import Pipeline, running
from chillcast.resources import Resources
from chillcast.settings import read_settings
from chillcast.terminal.person import by_terminal
from chillcast.terminal.reporter import Reporter
from models.cases.case import Case
from models.event_time import DAY_MS
from streams.access.api_tokens import ApiTokens
from streams.kafka.embedded_broker import free_port
from streams.kafka.live_reader import Feed
from streams.kafka.publisher import Publisher
from streams.kafka.topics import partition_of
from streams.records import Alert
from streams.stores.case_reader import every_case
from streams.wire import codec

STAGES, LONGEST_S, PAUSE_S, MOST = ("cases", "sink"), 60.0, 0.01, 50
BASELINE, *STEPS = ("alert to broker and back", "alert to case on the page", "acknowledge", "the whole walk")


def alert_of(case: Case) -> Alert:
    """Return the alert by which a case opened."""
    said = case.evidence
    days = [(ms - said.time_ms) / DAY_MS if ms else None for ms in (said.from_ms, said.until_ms)]
    return Alert(
        case=case.case,
        asset=case.asset,
        stage="open",
        severity=said.severity,
        time_ms=case.opened_ms,
        opened_ms=case.opened_ms,
        risk=said.risk,
        threshold=said.threshold,
        horizon_d=said.horizon_d,
        text=said.text,
        fault=said.fault,
        check=said.check,
        sensors=list(said.sensors),
        model=said.model,
        from_d=days[0],
        to_d=days[1],
    )


def firsts(cases: Sequence[Case]) -> list[Case]:
    """Return the first case of each machine, in order: none ends here, and a second would continue it."""
    found: dict[str, Case] = {}
    for case in sorted(cases, key=lambda case: case.opened_ms):
        found.setdefault(case.asset, case)
    return list(found.values())


@contextmanager
def page(home: Path, broker: str) -> Iterator[str]:
    """Serve the page of a home; yield the address of its API."""
    port = free_port()
    told = {"HOME": str(home), "BROKER": broker, "PAGE_PORT": str(port), "API_REQUESTS_PER_MIN": "0"}
    environment = {**os.environ, **{f"CHILLCAST_{name}": value for name, value in told.items()}}
    process = subprocess.Popen([sys.executable, "-m", "chillcast", "page"], env=environment)
    try:
        address = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{address}/healthz"))
        yield f"{address}/api/v1"
    finally:
        process.terminate()
        process.wait()


def answers(address: str) -> bool:
    """Return whether somebody answers there."""
    try:
        return requests.get(address, timeout=1).ok
    except requests.ConnectionError:
        return False


def until(what: Callable[[], bool]) -> None:
    """Wait for something."""
    deadline_s = time.monotonic() + LONGEST_S
    while not what():
        if time.monotonic() > deadline_s:
            sys.exit("it did not happen: see the logs of the workers")
        time.sleep(PAUSE_S)


def walk(
    alert: Alert, pipeline: Pipeline, publisher: Publisher, feed: Feed, api: str, session: requests.Session
) -> Sequence[float]:
    """Go it once; return how long each step took, in seconds, and the whole."""
    place, begun_s = f"{api}/cases/{alert.case}", time.monotonic()
    publisher.send(partition_of(alert.asset, pipeline.partitions), codec.alert(pipeline.topics.alerts, alert))
    until(lambda: any(alert.case.encode() in message.value for message in feed.poll(PAUSE_S)))
    back_s = time.monotonic()
    until(lambda: session.get(place, timeout=LONGEST_S).ok)
    shown_s = time.monotonic()
    answer = session.post(f"{place}/acknowledge", json={}, timeout=LONGEST_S)
    answer.raise_for_status()
    until(lambda: session.get(place, timeout=LONGEST_S).json()["state"] == "acknowledged")
    done_s = time.monotonic()
    return back_s - begun_s, shown_s - begun_s, done_s - shown_s, done_s - begun_s


def measured(alerts: Sequence[Alert], home: Path) -> list[Sequence[float]]:
    """Run broker, workers and page in an empty home, and go the walk for each alert; the first warms up."""
    resources = Resources.open(home=str(home))
    token = ApiTokens(resources.audit).create("walk", "technician", 1, by_terminal())
    session = requests.Session()
    session.headers["authorization"] = f"Bearer {token}"
    with (
        running(resources.settings, resources.fleet, STAGES, Reporter()) as pipeline,
        Publisher(pipeline.connection) as publisher,
        Feed(pipeline.connection, (pipeline.topics.alerts,), pipeline.partitions, from_start=True) as feed,
        page(home, str(pipeline.connection)) as api,
    ):
        return [walk(alert, pipeline, publisher, feed, api, session) for alert in alerts][1:]


def main(demo: Path) -> None:
    """Print and record what the walk takes for the cases of a demonstration."""
    resources = Resources.open(home=str(demo))
    cases = every_case(resources.open_reader()) if (demo / "store.db").exists() else []
    alerts = [alert_of(case) for case in firsts(cases)][:MOST]
    if len(alerts) < 2:
        sys.exit(f"{demo}: expected the home of a demonstration: make demo")
    with tempfile.TemporaryDirectory() as folder:
        baseline, *steps = zip(*measured(alerts, Path(folder)), strict=True)
    for name, took in zip(STEPS, steps, strict=True):
        record(f"walk, {name}, median", statistics.median(took), statistics.median(baseline), "s")
        record(f"walk, {name}, worst", max(took), max(baseline), "s")
    print(f"of {len(baseline)} alerts; baseline: {BASELINE}")


if __name__ == "__main__":
    main(read_settings().home_path)
