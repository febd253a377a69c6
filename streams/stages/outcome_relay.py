"""Beside scoring: what was found at machines, or is planned, is passed on to the topic of windows as events.

So one log has all that a label is made of, in one order for everybody who reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from models.cases.stops import PlannedStop
from models.errors import RecordError
from models.telemetry.event_log import FINDING
from models.telemetry.planned_stops import CANCELLED, PLANNED, Stopped, planned_events
from models.telemetry.samples import Event
from streams.kafka.topics import Topics
from streams.records import CaseOutcome
from streams.stage import Incoming, Outgoing
from streams.wire import codec
from streams.wire.validation import time_in_range


class OutcomeRelay:
    """Passes one partition of outcomes on; of a machine that nobody looked at there is nothing to say."""

    def __init__(self, topics: Topics) -> None:
        self.topics = topics

    def process(self, received: Sequence[Incoming]) -> Iterator[Outgoing]:
        """Yield the events of each outcome that says something of its machine, and of each planned stop."""
        for message in received:
            try:
                events = told_by(codec.decode_outcomes(message.value, message.content_type))
                for event in events:
                    time_in_range(event.time_ms, "event time")
            except RecordError as error:
                yield codec.dead_letter(self.topics.dead_letters, codec.letter(message, str(error)))
            else:
                yield from (codec.event(self.topics.features, event) for event in events)


def told_by(told: CaseOutcome | PlannedStop) -> list[Event]:
    """Return what was found, or is planned, as events of the machine; none if nobody looked."""
    if isinstance(told, PlannedStop):
        return _of_stop(told)
    return [Event(told.as_of_ms, told.asset, FINDING, told.outcome)] if told.is_label else []


def _of_stop(stop: PlannedStop) -> list[Event]:
    """Return a planned stop as events of the machine; of one that was ended early, that it is another now."""
    planned, now = Stopped(stop.from_ms, stop.planned_until_ms), Stopped(stop.from_ms, stop.until_ms)
    if stop.cancelled is None:
        return planned_events(PLANNED, stop.asset, now, stop.plan)
    left = planned_events(PLANNED, stop.asset, now, stop.plan) if now.from_ms < now.until_ms else []
    return [*planned_events(CANCELLED, stop.asset, planned, stop.plan), *left]
