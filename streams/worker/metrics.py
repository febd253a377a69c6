"""What a worker counts and measures, served to Prometheus; names and meanings stand in docs/operations.md."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.wire import letter_reasons

_PLACE = ("stage", "topic", "partition")
_LANE = ("stage", "topic")
# From a step on one message to one that stands still: what lies above is a worker in trouble.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
Reason = Literal["too_late", "duplicate"]
REASONS: tuple[Reason, ...] = get_args(Reason)


class Families:
    """The metrics themselves, in a registry of their own, so that two workers in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.lag = self._gauge("lag_messages", "Messages written to the source but not processed.")
        self.watermark_age = self._gauge("watermark_age_seconds", "Wall clock minus the last watermark.")
        self.state_bytes = self._gauge("state_bytes", "Size of the state of a partition.")
        self.state_unsaved = self._gauge("state_unsaved_messages", "Messages since the last whole snapshot.")
        self.exactly_once = Gauge(
            "chillcast_exactly_once",
            "1: commits in transactions; 0: outputs may come twice.",
            ("stage",),
            registry=self.registry,
        )
        self.messages = self._counter("messages_total", "Messages processed.", _PLACE)
        self.readings = self._counter("readings_total", "Values of sensors in those messages.", _PLACE)
        self.late = self._counter("late_total", "Samples that came late, but in time to count.", _PLACE)
        self.dropped = self._counter("dropped_total", "Samples that do not count.", (*_PLACE, "reason"))
        self.scored = self._counter("scored_total", "Windows scored, by the level.", (*_PLACE, "level"))
        self.unsaid = self._counter(
            "unsaid_total", "Windows of which no risk was said: too little has a value.", _PLACE
        )
        self.dead_letters = self._counter(
            "dead_letters_total", "Messages nobody could use.", (*_PLACE, "reason")
        )
        self.deliveries = self._counter(
            "deliveries_total", "Attempts to deliver a notice.", (*_PLACE, "channel", "ending")
        )
        self.holes = self._counter("holes_total", "Messages passed over and read again.", _PLACE)
        self.step = self._histogram("step_seconds", "Time to process one batch.")
        self.commit = self._histogram("commit_seconds", "Time until the broker had a batch's outputs.")

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(f"chillcast_{name}", meaning, _PLACE, registry=self.registry)

    def _counter(self, name: str, meaning: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"chillcast_{name}", meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str) -> Histogram:
        return Histogram(f"chillcast_{name}", meaning, _LANE, registry=self.registry, buckets=_SECONDS)


class Metrics:
    """Counts for one source topic of one stage; `of` gives the same metrics for another topic.

    ``clock`` says the wall clock's seconds since 1970; the age of a watermark is worked out when it is read,
    so that it goes on growing while nothing arrives.
    """

    def __init__(
        self,
        stage: str,
        topic: str = "",
        *,
        clock: Callable[[], float] = time.time,
        families: Families | None = None,
    ) -> None:
        self.stage, self.topic, self.clock = stage, topic, clock
        self.families = families or Families()

    def of_topic(self, topic: str) -> Metrics:
        """Return the metrics of another source topic, in the same registry."""
        return Metrics(self.stage, topic, clock=self.clock, families=self.families)

    def opened(self, partition: int) -> None:
        """Begin to count a partition: its counters are there, with 0, before anything happens."""
        known, place = self.families, self._place(partition)
        for counter in (known.messages, known.readings, known.late, known.holes, known.unsaid):
            counter.labels(*place)
        for reason in REASONS:
            known.dropped.labels(*place, reason)
        for word in letter_reasons.REASONS:
            known.dead_letters.labels(*place, word)

    def closed(self, partition: int) -> None:
        """Forget the gauges of a partition that another worker has now; what was counted stays."""
        families = self.families
        for gauge in (families.lag, families.watermark_age, families.state_bytes, families.state_unsaved):
            with contextlib.suppress(KeyError):  # older clients mind a gauge that was never set
                gauge.remove(*self._place(partition))

    def set_exactly_once(self, *, exactly_once: bool) -> None:
        """Say how this worker commits for as long as it lives."""
        self.families.exactly_once.labels(self.stage).set(exactly_once)

    def set_lag(self, partition: int, messages: int) -> None:
        """Say how many messages of the source are still to be processed."""
        self.families.lag.labels(*self._place(partition)).set(messages)

    def set_watermark(self, partition: int, time_ms: int) -> None:
        """Say up to which event time (ms since 1970) everything is known."""
        gauge = self.families.watermark_age.labels(*self._place(partition))
        gauge.set_function(lambda: self.clock() - time_ms / 1000)

    def set_state_bytes(self, partition: int, size: int) -> None:
        """Say how large the state of a partition is."""
        self.families.state_bytes.labels(*self._place(partition)).set(size)

    def set_state_unsaved(self, partition: int, messages: int) -> None:
        """Say how many messages a successor would have to see again."""
        self.families.state_unsaved.labels(*self._place(partition)).set(messages)

    def observe_step(self, partition: int, seconds: float, messages: int, readings: int = 0) -> None:
        """Count a batch that was processed, and how long it took."""
        self.families.step.labels(self.stage, self.topic).observe(seconds)
        self.families.messages.labels(*self._place(partition)).inc(messages)
        self.families.readings.labels(*self._place(partition)).inc(readings)

    def observe_commit(self, seconds: float) -> None:
        """Count a batch that was committed, and how long it took."""
        self.families.commit.labels(self.stage, self.topic).observe(seconds)

    def late(self, partition: int, samples: int) -> None:
        """Count samples that came after a later one, and still count."""
        self.families.late.labels(*self._place(partition)).inc(samples)

    def dropped(self, partition: int, samples: int, reason: Reason) -> None:
        """Count samples that do not count, by the reason."""
        self.families.dropped.labels(*self._place(partition), reason).inc(samples)

    def scored(self, partition: int, windows: int, level: str) -> None:
        """Count windows that the champion scored, by the level of its set: of a segment, or ``fleet``."""
        self.families.scored.labels(*self._place(partition), level).inc(windows)

    def unsaid(self, partition: int, windows: int) -> None:
        """Count windows of which no risk was said: too little of what the model looks at has a value."""
        self.families.unsaid.labels(*self._place(partition)).inc(windows)

    def delivery(self, partition: int, channel: str, ending: str) -> None:
        """Count an attempt to deliver a notice."""
        self.families.deliveries.labels(*self._place(partition), channel, ending).inc()

    def dead_letter(self, partition: int, reason: str) -> None:
        """Count a message that went to the dead letters, by the word of its reason."""
        self.families.dead_letters.labels(*self._place(partition), letter_reasons.word_of(reason)).inc()

    def holes(self, partition: int, messages: int) -> None:
        """Count messages that were passed over, and read again."""
        self.families.holes.labels(*self._place(partition)).inc(messages)

    def _place(self, partition: int) -> tuple[str, str, str]:
        return self.stage, self.topic, str(partition)
