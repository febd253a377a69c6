"""What a worker says of itself to who looks after processes, asked over HTTP."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from streams.worker.endpoint import Endpoint, serve
from streams.worker.health import SILENT_S, STUCK_S, Health


@dataclass
class Clock:
    """A monotonic clock that is set by hand."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Source:
    """A source topic as a lane would tell of it."""

    source: str = "telemetry"
    loading: Sequence[int] = ()
    since_s: float | None = None

    def waiting(self) -> Sequence[int]:
        return self.loading

    def stuck_since(self) -> float | None:
        return self.since_s


@dataclass
class Asked:
    """A worker's health, and where it is asked for."""

    endpoint: Endpoint
    health: Health
    clock: Clock
    source: Source = field(default_factory=Source)

    def look(self, *, is_assigned: bool = True) -> None:
        self.health.beat([self.source], is_assigned=is_assigned)

    def ask(self, check: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.endpoint.port}/healthz/{check}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def asked() -> Iterator[Asked]:
    clock = Clock()
    health = Health(clock)
    with serve("127.0.0.1", 0, CollectorRegistry(), health) as endpoint:
        yield Asked(endpoint, health, clock)


def test_a_worker_is_ready_when_it_has_partitions_and_their_state(asked: Asked) -> None:
    assert asked.ask("ready") == (503, "no partitions were assigned yet\n")
    asked.look()
    assert asked.ask("ready") == (200, "ok\n")
    asked.source.loading = [3]
    asked.look()
    assert asked.ask("ready") == (503, "telemetry/3 is being loaded\n")
    asked.look(is_assigned=False)
    assert asked.ask("ready") == (503, "no partitions were assigned yet\n")
    assert asked.ask("live")[0] == 200


def test_a_worker_whose_event_loop_stands_still_is_not_alive(asked: Asked) -> None:
    asked.clock.now_s += SILENT_S
    assert asked.ask("live") == (200, "ok\n")
    asked.clock.now_s += 1
    assert asked.ask("live") == (503, "the event loop has not turned for 61 s\n")
    asked.look()
    assert asked.ask("live")[0] == 200


def test_a_worker_that_processes_nothing_though_messages_wait_is_not_alive(asked: Asked) -> None:
    asked.source.since_s = asked.clock.now_s
    asked.clock.now_s += STUCK_S + 1
    asked.look()
    said = "telemetry: nothing was processed for 901 s, though messages wait\n"
    assert asked.ask("live") == (503, said)
    asked.source.since_s = None
    asked.look()
    assert asked.ask("live")[0] == 200
