"""The risk of every machine at the end of each day of the last weeks, as strips: by site and by machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from models.event_time import DAY_MS
from models.risk.wording import percent
from streams.stores.store import Reader

DAYS = 28
_SETTLED_MS = 2 * DAY_MS
_CRITICAL, _USUAL_THRESHOLD = 0.5, 0.1
_WIDE, _HIGH = 10, 20
_HEIGHTS = (2, 4, 9, 14, 20)
"""Of a cell: nothing said, below half of the threshold, below it, above it, critical."""


@dataclass(frozen=True, slots=True)
class Strip:
    """The risk of somebody over the days, None on those on which none was said; ``over`` are in alarm now."""

    name: str
    risks: Sequence[float | None]
    machines: int = 1
    over: int = 0

    @property
    def now(self) -> float | None:
        """The last risk."""
        return self.risks[-1]

    @property
    def rank(self) -> tuple[float, float, str]:
        """Order: the highest risk now first, then the highest of the weeks."""
        known = [risk for risk in self.risks if risk is not None]
        return -(self.now if self.now is not None else -1.0), -max(known, default=0.0), self.name

    def draw(self, threshold: float | None, date: Callable[[int], str]) -> Markup:
        """Return the SVG: higher is worse, and colour begins at the threshold; ``date`` says a day back."""
        places: dict[int, list[str]] = {}
        for i, risk in enumerate(self.risks):
            level = level_of(risk, threshold)
            high = _HEIGHTS[level]
            places.setdefault(level, []).append(
                f"M{i * _WIDE} {_HIGH - high}h{_WIDE - 1}v{high}h-{_WIDE - 1}z"
            )
        paths = [
            Markup('<path class="l{}" d="{}"/>').format(i, "".join(of)) for i, of in sorted(places.items())
        ]
        head = Markup('<svg class="strip" viewBox="0 0 {} {}" role="img" aria-label="{}">')
        label = self.words(date)
        return head.format(len(self.risks) * _WIDE, _HIGH, label) + Markup("").join(paths) + Markup("</svg>")

    def words(self, date: Callable[[int], str]) -> str:
        """Say the strip in words."""
        known = [(risk, i) for i, risk in enumerate(self.risks) if risk is not None]
        if not known:
            return "no risk said"
        highest, i = max(known)
        now = "no risk said" if self.now is None else percent(self.now)
        return f"now {now}, highest {percent(highest)} on {date(len(self.risks) - 1 - i)}"


class Weeks:
    """Reads a day at a time, and keeps the days on which nothing changes any more."""

    def __init__(self, reader: Reader, field: str) -> None:
        self.reader, self.field = reader, field
        self._settled: dict[int, Mapping[str, float | None]] = {}

    def strips(self, now_ms: int) -> list[Strip]:
        """Return a strip per machine, the worst first, up to the newest window at ``now_ms``."""
        ends = [now_ms // DAY_MS * DAY_MS - i * DAY_MS for i in reversed(range(DAYS - 1))]
        days = [*(self._day(end, now_ms) for end in ends), self._read(now_ms)]
        self._settled = {end: day for end, day in self._settled.items() if end >= ends[0]}
        names = {name for day in days for name in day}
        return sorted((Strip(name, [day.get(name) for day in days]) for name in names), key=lambda s: s.rank)

    def _day(self, end_ms: int, now_ms: int) -> Mapping[str, float | None]:
        if end_ms in self._settled:
            return self._settled[end_ms]
        found = self._read(end_ms)
        if now_ms - end_ms > _SETTLED_MS:
            self._settled[end_ms] = found
        return found

    def _read(self, end_ms: int) -> Mapping[str, float | None]:
        """Return the newest risk of each machine at a time; of one that said nothing for a day, none."""
        found: dict[str, float | None] = {}
        for row in self.reader.latest("scores", end_ms + 1):
            value, is_fresh = row.fields.get(self.field), end_ms - row.time_ms < DAY_MS
            found[row.tags.get("asset", "")] = value if isinstance(value, float) and is_fresh else None
        return found


def by_site(strips: Sequence[Strip], site: Callable[[str], str], threshold: float | None) -> list[Strip]:
    """Return a strip per site, of its worst machine each day; none for machines whose site nobody told."""
    sites: dict[str, list[Strip]] = {}
    for strip in strips:
        if name := site(strip.name):
            sites.setdefault(name, []).append(strip)
    found = []
    for name, of in sites.items():
        days = zip(*(strip.risks for strip in of), strict=True)
        worst = [max((r for r in day if r is not None), default=None) for day in days]
        over = sum(level_of(strip.now, threshold) >= 3 for strip in of)
        found.append(Strip(name, worst, len(of), over))
    return sorted(found, key=lambda strip: strip.rank)


def level_of(risk: float | None, threshold: float | None) -> int:
    """Return how a risk is shown, from 0 for none to 4 for a critical one.

    >>> [level_of(risk, 0.2) for risk in (None, 0.05, 0.15, 0.2, 0.6)]
    [0, 1, 2, 3, 4]
    """
    if risk is None:
        return 0
    from_risk = _USUAL_THRESHOLD if threshold is None else threshold
    return 1 + (risk >= from_risk / 2) + (risk >= from_risk) + (risk >= max(_CRITICAL, from_risk))
