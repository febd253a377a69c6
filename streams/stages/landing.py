"""A stage beside scoring: windows that are scored, the events between them, and what was found at machines.

They land in the feature store, from which models learn.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from models.errors import RecordError, UnavailableError
from models.features.expectation import Expectation
from models.features.kernel import Windows
from models.store.feature_store import FeatureStore, Origin, StoredSchema
from models.telemetry.samples import Event
from streams.kafka.topics import Topics
from streams.stage import Incoming, Outgoing
from streams.stages.outcome_relay import told_by
from streams.wire import codec

log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
# One thread lands for all partitions of a worker: each that ever wrote Parquet keeps some 15 MB for itself.
_ASIDE = ThreadPoolExecutor(1, "landing")

Lookup = Callable[[str], tuple[StoredSchema, Expectation | None] | None]


class LandingStage:
    """Lands one partition of the features topic, or of outcomes.

    Nothing is acknowledged before it is on the disk; while that takes nothing, the stage waits and says so.
    What was computed beside does not land: it may stand on less than its windows reach back.
    ``lookup`` finds what the windows of a fingerprint are; those of an unknown one become dead letters. It
    raises UnavailableError if that cannot be said now: so is what comes after them waited for.
    """

    def __init__(
        self, store: FeatureStore, topics: Topics, lookup: Lookup, alarm: Callable[[str], None] = log.error
    ) -> None:
        self.store, self.topics, self.lookup, self.alarm = store, topics, lookup, alarm
        self._schemas: dict[str, StoredSchema] = {}
        self._undescribed: list[tuple[StoredSchema, Expectation | None]] = []
        self._windows: dict[str, list[Windows]] = {}
        self._events: list[Event] = []
        self._unread: deque[Incoming] = deque()
        self._origin: Origin | None = None

    def process(self, received: Sequence[Incoming]) -> Iterator[Outgoing]:
        """Keep the messages' windows and events until they are landed."""
        for message in received:
            self._reach(message)
            self._unread.append(message)
        with contextlib.suppress(UnavailableError):  # `flush` waits for what is away, and says so
            yield from self._read()

    async def flush(self) -> Iterable[Outgoing]:
        """Return when all that was kept is on the disk, with the letters of what was waited for."""
        pause_s, letters = _FIRST_PAUSE_S, list[Outgoing]()
        while self._unread or self._windows or self._events:
            try:
                await asyncio.get_running_loop().run_in_executor(_ASIDE, self._settle, letters)
            except (OSError, UnavailableError) as error:
                why = f"feature store {self.store.folder}: {error}" if isinstance(error, OSError) else error
                self.alarm(f"{why}; nothing is lost, next try in {pause_s:g} s")
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        self._origin = None
        return letters

    def _settle(self, letters: list[Outgoing]) -> None:
        """Land all that came; what cannot be used is among the ``letters``, also if what follows fails."""
        letters.extend(self._read())
        self._land()

    def _read(self) -> Iterator[Outgoing]:
        """Keep what came, in its order, up to what cannot be told now; raises UnavailableError there."""
        while self._unread:
            letters = self._refused(self._unread[0])
            self._unread.popleft()
            yield from letters

    def _refused(self, message: Incoming) -> Sequence[Outgoing]:
        """Keep a message, or return the letter of one that cannot be used."""
        try:
            self._keep(message)
        except RecordError as error:
            return (codec.dead_letter(self.topics.dead_letters, codec.letter(message, str(error))),)
        return ()

    def _reach(self, message: Incoming) -> None:
        first = self._origin.first if self._origin else message.offset
        self._origin = Origin(f"{message.topic}-{message.partition}", first, message.offset)

    def _keep(self, message: Incoming) -> None:
        if message.topic == self.topics.outcomes:
            self._events += told_by(codec.decode_outcomes(message.value, message.content_type))
            return
        fingerprint, record, is_beside = codec.decode_any_features(message.value, message.content_type)
        if isinstance(record, Event):
            self._events.append(record)
        elif isinstance(record, Windows) and not is_beside:
            expected = len(self._schema(fingerprint).feature_names)
            if record.values.shape[1] != expected:
                raise RecordError(f"values: {record.values.shape[1]} features a window: expected {expected}")
            self._windows.setdefault(fingerprint, []).append(record)

    def _schema(self, fingerprint: str) -> StoredSchema:
        """Return what the windows of a fingerprint are; when first seen, it is to be kept with them."""
        if fingerprint not in self._schemas:
            found = self.lookup(fingerprint)
            if found is None:
                raise RecordError(f"fingerprint {fingerprint!r}: no promoted model has these features")
            self._schemas[fingerprint] = found[0]
            self._undescribed.append(found)
        return self._schemas[fingerprint]

    def _land(self) -> None:
        """Land what was kept, and forget each part once it is on the disk."""
        if self._origin is None:
            return
        while self._undescribed:
            self.store.describe(*self._undescribed[-1])
            self._undescribed.pop()
        while self._windows:
            fingerprint = next(iter(self._windows))
            self.store.land(self._schemas[fingerprint], self._windows[fingerprint], self._origin)
            del self._windows[fingerprint]
        self.store.land_events(self._events, self._origin)
        self._events.clear()
