"""A line chart as SVG: drawn on the server, so that the page needs no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from markupsafe import Markup, escape

from models.risk.wording import percent

_WIDTH, _HEIGHT = 900, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 12, 26
_POINTS = 600
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25)


@dataclass(frozen=True, slots=True)
class Chart:
    """Rows of (time_ms, risk, adapted), and trips of (time_ms, code) to be marked."""

    rows: Sequence[tuple[int, float, float]]
    trips: Sequence[tuple[int, str]]
    days: int


def draw(chart: Chart) -> Markup:
    """Return the SVG, empty where there is nothing to draw; texts are escaped."""
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
    parts += [_date(x(t), t) for t in np.linspace(start, end, 6)[:-1].tolist()]
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


def _date(x: float, time_ms: float) -> Markup:
    day = datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%d %b")
    return Markup('<text x="{:.1f}" y="{}">{}</text>').format(x, _HEIGHT - 6, day)


def _trip(x: float, code: str) -> Markup:
    line = Markup('<line class="trip" x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}"><title>{}</title></line>')
    return line.format(x, x, _TOP, _HEIGHT - _BOTTOM, escape(code))
