"""Streaming slices through broker and workers as fast as these follow, and gathering what comes out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial

from chillcast.pipeline.live import Gathered, await_sink, follow
from chillcast.pipeline.pipeline import SCORING, Pipeline, running
from chillcast.pipeline.publishing import BackgroundReplay, Playing, ahead_of
from chillcast.resources import Resources
from chillcast.terminal.reporter import Advance, Reporter
from models.errors import UnavailableError
from models.fleet.fleet import Fleet
from models.registry.manifest import champion
from models.telemetry.samples import utc
from streams.kafka.live_reader import Feed
from streams.records import Alert


@dataclass(frozen=True, slots=True)
class StreamSource:
    """What is streamed: what is played, and how dense it is, which bounds how far publishing may run ahead.

    Progress counts from ``start_ms``; what lies before it warms the windows up. ``steered``: the keyboard and
    the control topic are obeyed.
    """

    playing: Playing
    rows_per_hop: float
    steered: bool = False


def stream(
    resources: Resources,
    source: StreamSource,
    reporter: Reporter,
    *,
    scored: bool = True,
    on_alert: Callable[[Alert], None] = lambda _: None,
) -> Gathered:
    """Run the pipeline over a source; without a model (``scored``) only its features stage.

    Returns when every partition has come to its end and the store has what was scored. Raises ModelError
    if workers would ask for a champion, and there is none: they would be restarted for ever.
    """
    settings, fleet = resources.settings, resources.fleet
    if scored or fleet.expectation:
        champion(resources.promotions.folder)
    with ExitStack() as stack:
        pipeline = stack.enter_context(running(settings, fleet, SCORING if scored else SCORING[:1], reporter))
        gathered = Gathered(pipeline.topics, pipeline.partitions, on_alert, reporter.alarm)
        feed = stack.enter_context(_feed(pipeline, scored=scored))
        replay = _replay(pipeline, fleet, source, gathered, reporter if source.steered else None)
        stack.enter_context(replay)
        advance = stack.enter_context(reporter.step("replaying through Kafka"))
        tick = partial(_tick, pipeline, replay, gathered, advance)
        follow(feed, gathered, tick)
        if scored:
            _settle(resources, gathered, tick, reporter)
    return gathered


def _tick(pipeline: Pipeline, replay: BackgroundReplay, gathered: Gathered, advance: Advance) -> None:
    """Look after publisher and workers, and show how far these are."""
    replay.raise_failure()
    pipeline.supervisor.watch()
    _show(advance, replay.playing, gathered.watermark_ms, replay.player.position_ms)


def _feed(pipeline: Pipeline, *, scored: bool) -> Feed:
    topics = pipeline.topics
    last = topics.scores if scored else topics.features
    watched = (last, topics.alerts, topics.drift, topics.dead_letters)
    return Feed(pipeline.connection, watched, pipeline.partitions, from_start=pipeline.embedded)


def _replay(
    pipeline: Pipeline, fleet: Fleet, source: StreamSource, gathered: Gathered, reporter: Reporter | None
) -> BackgroundReplay:
    return BackgroundReplay(
        source.playing,
        fleet,
        connection=pipeline.connection,
        topics=pipeline.topics,
        partitions=pipeline.partitions,
        done_ms=lambda: gathered.watermark_ms,
        ahead_ms=ahead_of(fleet.sampling.hop_s, source.rows_per_hop),
        reporter=reporter,
    )


def _show(advance: Advance, playing: Playing, watermark_ms: int, sent_ms: int) -> None:
    share = (watermark_ms - playing.start_ms) / (playing.end_ms - playing.start_ms)
    ahead = f"{utc(watermark_ms)}  published {_span(sent_ms - watermark_ms)} ahead"
    advance(share, ahead if watermark_ms else "starting")


def _span(span_ms: int) -> str:
    """Say a span of event time.

    >>> [_span(hours * 3_600_000) for hours in (1, 47, 243)]
    ['1 h', '47 h', '10 days']
    """
    hours = max(span_ms, 0) / 3_600_000
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def _settle(resources: Resources, gathered: Gathered, tick: Callable[[], None], reporter: Reporter) -> None:
    """Wait for the sink: what it has not written when the workers stop is not in the store."""
    with closing(resources.open_store()) as store:
        try:
            settled = await_sink(store, gathered, tick, clock=reporter.clock)
        except UnavailableError as error:
            settled = False
            reporter.alarm(str(error))
    if not settled:
        reporter.alarm("the store has not taken all scores and alerts: see the log of worker sink")
