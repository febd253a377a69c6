"""A line chart as SVG: drawn on the server, so that the page needs no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup, escape

from models.risk.wording import percent

_WIDTH, _HEIGHT = 900, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 12, 26
_POINTS = 600
_HOUR_MS = 3_600_000
_HOURS = (1, 3, 6, 12, 24, 48, 168, 336, 672, 2184)
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25)


@dataclass(frozen=True, slots=True)
class Chart:
    """Rows of (time_ms, risk, adapted), and trips of (time_ms, code) to be marked."""

    rows: Sequence[tuple[int, float, float]]
    trips: Sequence[tuple[int, str]]
    days: int


def draw(chart: Chart) -> Markup:
    """Return the SVG, empty if there is nothing to draw; texts are escaped."""
    if len(chart.rows) < 2:
        return Markup("")
    rows = _thinned(chart.rows)
    start, end = rows[0][0], max(rows[-1][0], *(t for t, _ in chart.trips), rows[0][0] + 1)
    top = max(0.05, *(max(r, a) for _, r, a in rows)) * 1.1

    def x(time_ms: float) -> float:
        return _LEFT + (time_ms - start) / (end - start) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)

    trips = [(t, code) for t, code in chart.trips if t >= start]
    parts = [_gridline(y(level), level) for level in _levels(top)]
    parts += [_moment(x(t), text) for t, text in moments(start, end)]
    parts += [_trip(x(t), code) for t, code in trips]
    for name, column in (("adapted", 2), ("risk", 1)):
        points = " ".join(f"{x(row[0]):.1f},{y(row[column]):.1f}" for row in rows)
        parts.append(Markup('<polyline class="{}" points="{}"/>').format(name, points))
    marked = "1 shutdown" if len(trips) == 1 else f"{len(trips)} shutdowns"
    label = f"risk over {chart.days} days, {marked} marked"
    head = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    return head.format(_WIDTH, _HEIGHT, label) + Markup("").join(parts) + Markup("</svg>")


def _levels(top: float) -> list[float]:
    """Return the gridlines from 0 to at most ``top``, a round step apart: 5 at most while it is a share.

    >>> _levels(0.69), _levels(0.055)
    ([0.0, 0.2, 0.4, 0.6], [0.0, 0.02, 0.04])
    """
    step = next((step for step in _STEPS if top < 5 * step), _STEPS[-1])
    return [round(step * i, 2) for i in range(int(top / step) + 1)]


def _thinned(rows: Sequence[tuple[int, float, float]]) -> list[tuple[int, float, float]]:
    """Return at most some hundred rows, each the highest of its bucket: a peak must not vanish."""
    size = -(-len(rows) // _POINTS)
    return [max(rows[i : i + size], key=lambda row: row[1]) for i in range(0, len(rows), size)]


def _gridline(y: float, level: float) -> Markup:
    line = Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>')
    text = Markup('<text x="{}" y="{:.1f}" text-anchor="end">{}</text>')
    return line.format(_LEFT, _WIDTH - _RIGHT, y, y) + text.format(_LEFT - 6, y + 4, percent(level))


def moments(start_ms: int, end_ms: int) -> list[tuple[int, str]]:
    """Return round moments of [start_ms, end_ms], six at most: midnights with their dates, and times of day.

    >>> moments(0, 2 * 86_400_000)[:3]
    [(0, '01 Jan'), (43200000, '12:00'), (86400000, '02 Jan')]
    >>> moments(3_600_000, 30 * 86_400_000)[:2]
    [(604800000, '08 Jan'), (1209600000, '15 Jan')]
    """
    step_ms = next((h * _HOUR_MS for h in _HOURS if end_ms - start_ms < 6 * h * _HOUR_MS), end_ms - start_ms)
    found = range(-(-start_ms // step_ms) * step_ms, end_ms + 1, step_ms)
    return [(t, _said(datetime.fromtimestamp(t / 1000, UTC))) for t in found]


def _said(moment: datetime) -> str:
    return moment.strftime("%H:%M" if moment.hour or moment.minute else "%d %b")


def _moment(x: float, text: str) -> Markup:
    """Write the date below its place; at the ends, where half of it would stick out, beside that."""
    anchor = "start" if x < _LEFT + 30 else "end" if x > _WIDTH - _RIGHT - 30 else "middle"
    tag = Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>')
    return tag.format(x, _HEIGHT - 6, anchor, text)


def _trip(x: float, code: str) -> Markup:
    line = Markup('<line class="trip" x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}"><title>{}</title></line>')
    return line.format(x, x, _TOP, _HEIGHT - _BOTTOM, escape(code))
