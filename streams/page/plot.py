"""A frame to draw in as SVG: where a time and a value lie, gridlines, and dates in a site's zone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from markupsafe import Markup

from models.event_time import HOUR_MS

_HOURS = (1, 3, 6, 12, 24, 48, 168, 336, 672, 2184)
_DIGITS = (1.0, 2.0, 2.5, 5.0, 10.0, 20.0)


@dataclass(frozen=True, slots=True)
class Frame:
    """[start_ms, end_ms] by [low, high] in a picture of ``width`` by ``height``, with margins for words."""

    start_ms: float
    end_ms: float
    low: float
    high: float
    width: int = 900
    height: int = 260
    left: int = 48
    right: int = 56
    top: int = 14
    bottom: int = 26

    def x(self, time_ms: float) -> float:
        """Return where a time lies, at the edge if it is outside."""
        share = (time_ms - self.start_ms) / ((self.end_ms - self.start_ms) or 1.0)
        return self.left + min(max(share, 0.0), 1.0) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        """Return where a value lies, at the edge if it is outside."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.height - self.bottom - min(max(share, 0.0), 1.0) * (self.height - self.top - self.bottom)

    @property
    def floor(self) -> int:
        """Where the lowest value lies."""
        return self.height - self.bottom

    def line(self, name: str, points: Sequence[tuple[float, float]]) -> Markup:
        """Draw a line through times and values."""
        places = " ".join(f"{self.x(t):.1f},{self.y(v):.1f}" for t, v in points)
        return Markup('<polyline class="{}" points="{}"/>').format(name, places)

    def band(
        self, name: str, upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]]
    ) -> Markup:
        """Fill what lies between two lines."""
        places = " ".join(f"{self.x(t):.1f},{self.y(v):.1f}" for t, v in [*upper, *reversed(lower)])
        return Markup('<polygon class="{}" points="{}"/>').format(name, places)

    def span(self, name: str, from_ms: float, to_ms: float, title: str) -> Markup:
        """Fill a span of time."""
        x, wide = self.x(from_ms), max(self.x(to_ms) - self.x(from_ms), 2.0)
        form = Markup(
            '<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"><title>{}</title></rect>'
        )
        return form.format(name, x, self.top, wide, self.floor - self.top, title)

    def upright(self, name: str, time_ms: float, title: str) -> Markup:
        """Draw a line at a time."""
        form = Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}"><title>{}</title></line>')
        return form.format(name, self.x(time_ms), self.x(time_ms), self.top, self.floor, title)

    def across(self, name: str, value: float, words: str = "") -> Markup:
        """Draw a line at a value, with words at its right end."""
        form = Markup('<line class="{}" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>')
        drawn = form.format(name, self.left, self.width - self.right, self.y(value), self.y(value))
        return drawn + (self.word(self.width - self.right + 4, self.y(value) + 4, words) if words else "")

    def dot(self, name: str, time_ms: float, value: float, radius: float = 2.5, title: str = "") -> Markup:
        """Draw a point; a ``title`` is told to who points at it."""
        form = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"{}')
        end = Markup("><title>{}</title></circle>").format(title) if title else Markup("/>")
        return form.format(name, self.x(time_ms), self.y(value), radius, end)

    def word(self, x: float, y: float, words: str, anchor: str = "start") -> Markup:
        """Write words at a place."""
        return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y, anchor, words)

    def grid(self, say: str, zone: tzinfo = UTC) -> Markup:
        """Draw the lines of round values, said by a format, and the dates below."""
        parts = [
            self.across("grid", level) + self.word(self.left - 6, self.y(level) + 4, say.format(level), "end")
            for level in levels(self.low, self.high)
        ]
        return Markup("").join([*parts, self.dates(zone)])

    def dates(self, zone: tzinfo = UTC) -> Markup:
        """Write the dates below."""
        found = moments(int(self.start_ms), int(self.end_ms), zone)
        return Markup("").join(self._moment(t, words) for t, words in found)

    def closed(self, label: str, parts: Sequence[Markup], name: str = "chart") -> Markup:
        """Return the picture; ``label`` says in words what it shows."""
        head = Markup('<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">')
        return head.format(name, self.width, self.height, label) + Markup("").join(parts) + Markup("</svg>")

    def _moment(self, time_ms: float, words: str) -> Markup:
        """Write the date below its place; at the ends, where half of it would stick out, beside that."""
        x = self.x(time_ms)
        anchor = "start" if x < self.left + 30 else "end" if x > self.width - 30 else "middle"
        return self.word(x, self.height - 6, words, anchor)


def levels(low: float, high: float) -> list[float]:
    """Return round values of [low, high], a round step apart: six at most.

    >>> levels(0.0, 0.69), levels(56.2, 61.0)
    ([0.0, 0.2, 0.4, 0.6], [57.0, 58.0, 59.0, 60.0, 61.0])
    """
    span = high - low
    if not 0.0 < span < math.inf:
        return []
    power = math.floor(math.log10(span / 5))
    step = next(step for step in (digit * 10.0**power for digit in _DIGITS) if span < 5 * step)
    first, last = -int(-low // step), int(high // step)
    return [round(step * i, 9) for i in range(first, min(last, first + 5) + 1)]


def moments(start_ms: int, end_ms: int, zone: tzinfo = UTC) -> list[tuple[int, str]]:
    """Return round moments of a zone in [start_ms, end_ms], six at most: midnights with dates, times of day.

    >>> moments(0, 2 * 86_400_000)[:3]
    [(0, '01 Jan'), (43200000, '12:00'), (86400000, '02 Jan')]
    >>> moments(3_600_000, 30 * 86_400_000)[:2]
    [(604800000, '08 Jan'), (1209600000, '15 Jan')]
    """
    step_ms = next((h * HOUR_MS for h in _HOURS if end_ms - start_ms < 6 * h * HOUR_MS), end_ms - start_ms)
    ahead_ms = _ahead_ms(start_ms, zone)
    found = range(-(-(start_ms + ahead_ms) // step_ms) * step_ms, end_ms + ahead_ms + 1, step_ms)
    times = [t - _ahead_ms(t - ahead_ms, zone) for t in found]
    return [(t, _said(datetime.fromtimestamp(t / 1000, zone))) for t in times if start_ms <= t <= end_ms]


def _ahead_ms(time_ms: float, zone: tzinfo) -> int:
    offset = datetime.fromtimestamp(time_ms / 1000, zone).utcoffset()
    return int(offset.total_seconds() * 1000) if offset else 0


def _said(moment: datetime) -> str:
    return moment.strftime("%H:%M" if moment.hour or moment.minute else "%d %b")
