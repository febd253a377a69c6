from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.wire import letter_reasons
from streams.worker.endpoint import Endpoint, serve
from streams.worker.health import Health
from streams.worker.metrics import REASONS, Metrics

NOW_S = 1_700_000_000.0


class Clock:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW_S

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Served:
    """Metrics under test, their clock, and where they are served."""

    metrics: Metrics
    clock: Clock
    endpoint: Endpoint

    def text(self) -> str:
        url = f"http://127.0.0.1:{self.endpoint.port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            found: str = answer.read().decode()
            return found

    def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        families = text_string_to_metric_families(self.text())
        return {(s.name, frozenset(s.labels.items())): s.value for f in families for s in f.samples}

    def value(self, name: str, **labels: str) -> float:
        """Return the one sample of that name which has these labels beside others."""
        wanted = set(labels.items())
        (value,) = [v for (n, has), v in self.samples().items() if n == f"chillcast_{name}" and wanted <= has]
        return value

    def names(self) -> set[str]:
        return {name for name, _ in self.samples()}


@pytest.fixture
def served() -> Iterator[Served]:
    clock = Clock()
    metrics = Metrics("features", "telemetry", clock=clock)
    with serve("127.0.0.1", 0, metrics.families.registry, Health()) as endpoint:
        yield Served(metrics, clock, endpoint)


def test_a_step_counts_its_messages_its_readings_and_its_time(served: Served) -> None:
    served.metrics.observe_step(3, 0.02, messages=50, readings=3500)
    served.metrics.observe_step(3, 0.02, messages=10, readings=700)
    assert served.value("messages_total", stage="features", topic="telemetry", partition="3") == 60
    assert served.value("readings_total", partition="3") == 4200
    assert served.value("step_seconds_count", stage="features") == 2
    assert served.value("step_seconds_sum") == pytest.approx(0.04)
    assert served.value("step_seconds_bucket", le="0.025") == 2
    assert served.value("step_seconds_bucket", le="0.01") == 0


def test_the_time_of_a_commit_is_measured(served: Served) -> None:
    served.metrics.observe_commit(0.3)
    assert served.value("commit_seconds_bucket", le="0.5") == 1
    assert served.value("commit_seconds_sum") == pytest.approx(0.3)


def test_the_lag_of_each_partition_and_topic_is_its_own(served: Served) -> None:
    served.metrics.set_lag(0, 7)
    served.metrics.set_lag(1, 0)
    served.metrics.of_topic("events").set_lag(0, 9)
    assert served.value("lag_messages", topic="telemetry", partition="0") == 7
    assert served.value("lag_messages", partition="1") == 0
    assert served.value("lag_messages", topic="events", partition="0") == 9


def test_the_age_of_a_watermark_grows_while_nothing_arrives(served: Served) -> None:
    served.metrics.set_watermark(0, int(NOW_S * 1000) - 60_000)
    assert served.value("watermark_age_seconds", partition="0") == pytest.approx(60)
    served.clock.now += 3600
    assert served.value("watermark_age_seconds", partition="0") == pytest.approx(3660)
    served.metrics.set_watermark(0, int(NOW_S * 1000) + 3_600_000)
    assert served.value("watermark_age_seconds", partition="0") == pytest.approx(0)


def test_what_was_late_dropped_unusable_or_read_again_is_counted_apart(served: Served) -> None:
    served.metrics.late(0, 4)
    served.metrics.dropped(0, 2, "too_late")
    served.metrics.dropped(0, 1, "duplicate")
    for reason in ("not a Sample in JSON", "not a Sample in JSON", "asset 'x' is of no use"):
        served.metrics.dead_letter(0, reason)
    served.metrics.holes(0, 5)
    assert served.value("late_total") == 4
    assert served.value("dropped_total", reason="too_late") == 2
    assert served.value("dropped_total", reason="duplicate") == 1
    assert served.value("dead_letters_total", reason="form") == 2
    assert served.value("dead_letters_total", reason="other") == 1
    assert served.value("holes_total") == 5


def test_a_partition_that_was_opened_has_every_counter_at_0(served: Served) -> None:
    served.metrics.opened(0)
    for name in ("messages", "readings", "late", "holes"):
        assert served.value(f"{name}_total", partition="0") == 0
    for reason in REASONS:
        assert served.value("dropped_total", reason=reason) == 0
    for word in letter_reasons.REASONS:
        assert served.value("dead_letters_total", reason=word) == 0


def test_a_partition_that_moved_away_leaves_its_counters_but_no_gauge(served: Served) -> None:
    served.metrics.opened(0)
    served.metrics.set_lag(0, 5)
    served.metrics.set_watermark(0, 0)
    served.metrics.set_state_bytes(0, 1_000_000)
    assert served.value("state_bytes") == 1_000_000
    served.metrics.closed(0)
    assert not served.names() & {
        f"chillcast_{n}" for n in ("lag_messages", "watermark_age_seconds", "state_bytes")
    }
    assert served.value("messages_total", partition="0") == 0


def test_closing_a_partition_that_had_no_gauge_is_no_error(served: Served) -> None:
    served.metrics.closed(7)


def test_two_workers_of_one_process_do_not_count_together(served: Served) -> None:
    Metrics("features", "telemetry").dead_letter(0, "empty message")
    assert "chillcast_dead_letters_total" not in served.names()


def test_windows_are_counted_by_the_level_that_scored_them(served: Served) -> None:
    for windows, level in ((3, "model"), (2, "fleet"), (4, "model")):
        served.metrics.scored(0, windows, level)
    assert served.value("scored_total", level="model") == 7
    assert served.value("scored_total", level="fleet") == 2


def test_windows_of_which_no_risk_was_said_are_counted(served: Served) -> None:
    served.metrics.unsaid(0, 3)
    served.metrics.unsaid(0, 2)
    assert served.value("unsaid_total") == 5
