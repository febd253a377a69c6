"""Looks out for promotions while a worker runs: on their topic, and in the pointer files."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, get_args

from models.errors import ModelError, RecordError, UnavailableError
from models.fleet.fleet import Fleet
from models.registry.promotion import Promotion, Promotions, Role
from streams.kafka.connection import Connection
from streams.kafka.live_reader import Feed
from streams.records import Assignment
from streams.wire import codec

log = logging.getLogger(__name__)

_LOOK_S = 2.0
_AGAIN_S = 30.0


class Considering(Protocol):
    """A pool of what is promoted."""

    promotions: Promotions
    fleet: Fleet
    raise_alarm: Callable[[str], None]

    def consider(self, promotion: Promotion) -> None:
        """Make what was promoted ready, once it has passed."""


class Watch:
    """Has a pool consider what is promoted, from a thread, so that verifying holds up no stream.

    ``assigned`` hears who scores from which message on, of so many ``partitions``. If a look fails, the next
    one is ``again_s`` later.
    """

    def __init__(
        self,
        pool: Considering,
        connection: Connection | None = None,
        topic: str | None = None,
        assigned: Callable[[int, Assignment], None] | None = None,
        partitions: int = 1,
        again_s: float = _AGAIN_S,
    ) -> None:
        self.pool, self.connection, self.topic = pool, connection, topic
        self.assigned, self.partitions, self.again_s = assigned, partitions, again_s
        self._heard: dict[Role, Promotion] = {}
        self._thread = threading.Thread(target=self._run, name="promotions", daemon=True)

    def start(self) -> None:
        """Begin to look, every two seconds, for as long as the process lives."""
        self._thread.start()

    def look(self, heard: Sequence[Promotion] = ()) -> None:
        """Consider the newest promotion of each role, of those heard of and of what the pointers say."""
        for promotion in heard:
            self._hear(promotion)
        for role in get_args(Role):
            try:
                self._hear(self.pool.promotions.newest(role))
            except ModelError as error:
                self.pool.raise_alarm(str(error))
            if role in self._heard:
                self.pool.consider(self._heard[role])

    def _hear(self, promotion: Promotion | None) -> None:
        """Remember a promotion, unless a newer one of its role is known."""
        if promotion is None or promotion.fleet not in ("", self.pool.fleet.name):
            return
        known = self._heard.get(promotion.role)
        if known is None or _age(promotion) > _age(known):
            self._heard[promotion.role] = promotion

    def _run(self) -> None:
        while True:
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001  (nobody would hear that this thread has ended)
                why = f"{type(error).__name__}: {error}"
                self.pool.raise_alarm(f"promotions are not looked at: {why}; next try in {self.again_s:g} s")
                time.sleep(self.again_s)

    def _turn(self) -> None:
        """Follow the broker; while it is away, look once without it."""
        try:
            self._follow()
        except (UnavailableError, OSError) as error:
            log.warning("promotions are taken from the pointer files only: %s", error)
            self.look()
            time.sleep(_LOOK_S)

    def _follow(self) -> None:
        """Look for ever; raises UnavailableError if the broker is away."""
        if self.connection is None or self.topic is None:
            self.look()
            time.sleep(_LOOK_S)
            return
        with Feed(self.connection, (self.topic,), self.partitions, from_start=True) as feed:
            while True:
                self.look(self._decoded(feed))

    def _decoded(self, feed: Feed) -> list[Promotion]:
        """Return the promotions that came; what is none is an alarm."""
        found = []
        for message in feed.poll(_LOOK_S):
            try:
                if message.content_type == codec.PROMOTION:
                    found.append(codec.decode_json(message.value, Promotion))
                elif message.content_type == codec.ASSIGNMENT and self.assigned is not None:
                    self.assigned(message.partition, codec.decode_json(message.value, Assignment))
            except RecordError as error:
                self.pool.raise_alarm(f"{message.topic} offset {message.offset}: {error}")
        return found


def _age(promotion: Promotion) -> tuple[int, int]:
    return promotion.number, promotion.promoted_ms
