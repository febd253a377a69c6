"""A sensor over time against what was usual for the machine at the same load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from markupsafe import Markup

from models.event_time import DAY_MS
from streams.page.plot import Frame

_MARGIN = 0.15


@dataclass(frozen=True, slots=True)
class SensorSeries:
    """``points`` of a time, what the sensor read, and what was usual then, None if nobody knows that."""

    key: str
    label: str
    unit: str
    said: str
    usual: str
    points: Sequence[tuple[int, float, float | None]]

    def draw(self, start_ms: int, end_ms: int, zone: tzinfo = UTC) -> Markup:
        """Return the SVG, empty if there are fewer than two readings."""
        if len(self.points) < 2:
            return Markup("")
        both = [v for _, value, usual in self.points for v in (value, usual) if v is not None]
        room = (max(both) - min(both) or abs(both[0]) or 1.0) * _MARGIN
        frame = Frame(start_ms, end_ms, min(both) - room, max(both) + room, height=150)
        usual = [(t, u) for t, _, u in self.points if u is not None]
        values = [(t, v) for t, v, _ in self.points]
        apart = frame.band("apart", [(t, v) for t, v, u in self.points if u is not None], usual)
        parts = [apart, frame.grid("{:g}", zone), frame.line("usual", usual), frame.line("risk", values)]
        parts += [frame.word(frame.width - frame.right + 4, frame.y(values[-1][1]) + 4, "reads")]
        return frame.closed(self.summary, parts)

    @property
    def summary(self) -> str:
        """Say in words what the chart shows."""
        days = len({t // DAY_MS for t, _, _ in self.points})
        return f"{self.label} on {days} days: {self.said} at last, usually {self.usual or 'not known'}"


def sensor_series(
    explanations: Iterable[tuple[int, Sequence[Mapping[str, Any]]]], units: Mapping[str, str]
) -> list[SensorSeries]:
    """Return the sensors that were named as reasons, those named last and most often first."""
    points: dict[str, list[tuple[int, float, float | None]]] = {}
    last: dict[str, Mapping[str, Any]] = {}
    for time_ms, sensors in explanations:
        for found in sensors:
            value, usual = found.get("value"), found.get("baseline")
            if isinstance(value, int | float):
                known = float(usual) if isinstance(usual, int | float) else None
                points.setdefault(str(found.get("key", "")), []).append((time_ms, float(value), known))
                last[str(found.get("key", ""))] = found
    order = sorted(points, key=lambda key: (-points[key][-1][0], -len(points[key]), key))
    return [_series(key, last[key], points[key], units) for key in order]


def _series(
    key: str,
    found: Mapping[str, Any],
    points: Sequence[tuple[int, float, float | None]],
    units: Mapping[str, str],
) -> SensorSeries:
    unit = units.get(key, str(found.get("unit", "")))
    texts = (str(found.get(name, "")) for name in ("label", "said", "usual"))
    label, said, usual = texts
    return SensorSeries(key, label or key, unit, said, usual, points)
