"""Looks out for promotions while a worker runs: on their topic, and in the pointer files."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from models.errors import ModelError, RecordError, UnavailableError
from models.registry.promotion import Promotion, Role
from streams.champions.model_pool import ROLES, PromotedModels
from streams.kafka.connection import Connection
from streams.kafka.live_reader import Feed
from streams.wire import codec

log = logging.getLogger(__name__)

_LOOK_S = 2.0


class Watch:
    """Has a bench consider what is promoted, from a thread, so that verifying holds up no stream."""

    def __init__(
        self, pool: PromotedModels, connection: Connection | None = None, topic: str | None = None
    ) -> None:
        self.pool, self.connection, self.topic = pool, connection, topic
        self._heard: dict[Role, Promotion] = {}
        self._thread = threading.Thread(target=self._run, name="promotions", daemon=True)

    def start(self) -> None:
        """Begin to look, every two seconds, for as long as the process lives."""
        self._thread.start()

    def look(self, heard: Sequence[Promotion] = ()) -> None:
        """Consider the newest promotion of each role, of those heard of and of what the pointers say."""
        for promotion in heard:
            self._hear(promotion)
        for role in ROLES:
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
        with Feed(self.connection, (self.topic,), 1, from_start=True) as feed:
            while True:
                self.look(self._decoded(feed))

    def _decoded(self, feed: Feed) -> list[Promotion]:
        """Return the promotions that came; what is none is an alarm."""
        found = []
        for message in feed.poll(_LOOK_S):
            if message.content_type == codec.PROMOTION:
                try:
                    found.append(codec.decode_json(message.value, Promotion))
                except RecordError as error:
                    self.pool.raise_alarm(f"{message.topic} offset {message.offset}: {error}")
        return found


def _age(promotion: Promotion) -> tuple[int, int]:
    return promotion.number, promotion.promoted_ms
