"""How often each of many may ask: a bucket of requests that fills evenly, a minute's worth at most."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_NEWS_EVERY_S = 60.0
_MOST = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    filled_s: float
    told_s: float = -math.inf


@dataclass(frozen=True, slots=True)
class Refusal:
    """After how many seconds the next request would pass; ``is_news`` at most once a minute for each."""

    wait_s: float
    is_news: bool


class RateLimit:
    """Lets each ask ``per_minute`` times a minute, all at once or evenly; ``clock_s`` never goes back.

    Beyond ``most`` whoever has not asked for longest is forgotten: addresses are many.
    """

    def __init__(self, per_minute: int, clock_s: Callable[[], float], most: int = _MOST) -> None:
        self.per_minute, self.clock_s, self.most = per_minute, clock_s, most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, who: str) -> Refusal | None:
        """Let somebody ask once; return why not, in which case it does not count."""
        now_s = self.clock_s()
        bucket = self._filled(who, now_s)
        if bucket.left >= 1:
            bucket.left -= 1
            return None
        is_news = now_s - bucket.told_s >= _NEWS_EVERY_S
        if is_news:
            bucket.told_s = now_s
        return Refusal((1 - bucket.left) * 60 / self.per_minute, is_news)

    def _filled(self, who: str, now_s: float) -> _Bucket:
        bucket = self._buckets.setdefault(who, _Bucket(self.per_minute, now_s))
        self._buckets.move_to_end(who)
        gained = (now_s - bucket.filled_s) * self.per_minute / 60
        bucket.left, bucket.filled_s = min(self.per_minute, bucket.left + gained), now_s
        if len(self._buckets) > self.most:
            self._buckets.popitem(last=False)
        return bucket
