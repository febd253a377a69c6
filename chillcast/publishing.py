"""Sending a source into the pipeline in the background, never far ahead of the workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from models.errors import ChillcastError
from models.fleet import Fleet
from models.frames import Slice
from simulators.replay import replay
from streams.connection import Connection
from streams.publisher import Publisher
from streams.topics import Topics

_AHEAD_ROWS = 100_000


def ahead_of(hop_s: int, rows_per_hop: float) -> int:
    """Return how far publishing may run ahead, in ms of event time: about 100,000 rows, 8 to 1,000 hops."""
    return int(min(max(_AHEAD_ROWS / max(rows_per_hop, 1.0), 8), 1_000)) * hop_s * 1000


class BackgroundReplay:
    """Publishes slices from a thread; `raise_failure` tells the main thread what went wrong there.

    ``done_ms`` says how far the workers have come in event time; publishing waits while it is more than
    ``ahead_ms`` behind, so that neither broker nor memory fills up.
    """

    def __init__(
        self,
        slices: Iterable[Slice],
        fleet: Fleet,
        *,
        connection: Connection,
        topics: Topics,
        partitions: int,
        done_ms: Callable[[], int],
        ahead_ms: int,
    ) -> None:
        self.slices, self.fleet = slices, fleet
        self.connection, self.topics, self.partitions = connection, topics, partitions
        self.done_ms, self.ahead_ms = done_ms, ahead_ms
        self._first_ms: int | None = None
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="replay", daemon=True)

    def __enter__(self) -> BackgroundReplay:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(timeout=10)

    def raise_failure(self) -> None:
        """Raise what ended the thread, if anything did."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            with Publisher(self.connection) as publisher:
                replay(
                    self.slices,
                    self.fleet,
                    partitions=self.partitions,
                    telemetry=self.topics.telemetry,
                    send=publisher.send,
                    pace=self._pace,
                )
        except _StoppedError:
            return
        except (ChillcastError, OSError, ValueError) as error:
            self._failure = error

    def _pace(self, end_ms: int) -> None:
        if self._first_ms is None:
            self._first_ms = end_ms
        while end_ms - max(self.done_ms(), self._first_ms) > self.ahead_ms:
            self._check()
            time.sleep(0.02)
        self._check()

    def _check(self) -> None:
        if self._stopping.is_set():
            raise _StoppedError


class _StoppedError(Exception):
    """The main thread wants no more."""
