"""Recording what a running Kafka is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from chillcast.pipeline.pipeline import wait_for_configured_broker
from chillcast.settings import Settings
from chillcast.terminal.reporter import Advance, Reporter
from models.fleet.fleet import Fleet
from models.telemetry.samples import utc
from simulators.recordings.archive import RecordingManifest
from simulators.recordings.archiver import Archiver
from simulators.recordings.recorder import Recorder
from streams.kafka.live_reader import Feed
from streams.kafka.topics import Topics, create_topics


def record(
    settings: Settings,
    fleet: Fleet,
    out: Path,
    reporter: Reporter,
    *,
    from_start: bool = False,
    seconds: float | None = None,
) -> dict[str, Any]:
    """Record telemetry until every partition has come to its end, time is up, or it is interrupted."""
    wait_for_configured_broker(settings, reporter.alarm)
    topics, clock, started = Topics(settings.topic_prefix), reporter.clock, reporter.clock()
    create_topics(settings.connection, topics, settings.partitions)
    with (
        Archiver(out, fleet) as archiver,
        Feed(settings.connection, (topics.telemetry,), settings.partitions, from_start=from_start) as feed,
    ):
        recorder = Recorder(archiver, fleet, settings.partitions, reporter.alarm)
        with reporter.step(f"recording {topics.telemetry}; Ctrl-C ends it") as advance:
            try:
                _listen(feed, recorder, advance, lambda: _share(clock() - started, seconds))
            except KeyboardInterrupt:
                reporter.line("interrupted: writing what was taken")
        manifest = recorder.finish(f"topic {topics.telemetry} on {settings.connection}")
    return {**_told(manifest, recorder), "seconds": round(clock() - started, 3), "sha256": manifest.sha256}


def _share(passed_s: float, seconds: float | None) -> float:
    """Return how much of the time is up; of a recording without an end, which is not known, nothing.

    >>> _share(3.0, 12.0), _share(3.0, 0.0), _share(3.0, None)
    (0.25, 1.0, 0.0)
    """
    if seconds is None:
        return 0.0
    return passed_s / seconds if passed_s < seconds else 1.0


def _listen(feed: Feed, recorder: Recorder, advance: Advance, share: Callable[[], float]) -> None:
    while not recorder.ended and share() < 1.0:
        for message in feed.poll(0.2):
            recorder.take(message)
        advance(share(), utc(recorder.reached_ms) if recorder.reached_ms else "nothing yet")


def _told(manifest: RecordingManifest, recorder: Recorder) -> dict[str, Any]:
    return {
        "assets": len(manifest.assets),
        "readings": manifest.readings,
        "shutdowns": manifest.shutdowns,
        "refused": recorder.refused,
    }
