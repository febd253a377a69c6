"""A machine's risk over time: every horizon, the threshold, its cases, shutdowns, repairs and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from markupsafe import Markup

from models.event_time import DAY_MS
from models.risk.wording import percent
from streams.page.marks import ROOM, Marks
from streams.page.plot import Frame

_POINTS = 600
Row = tuple[int, Sequence[float | None]]


@dataclass(frozen=True, slots=True)
class RiskChart:
    """``rows`` of a time and a risk per name, over [start_ms, end_ms]; the ``main`` one is alerted on."""

    start_ms: int
    end_ms: int
    names: Sequence[str]
    rows: Sequence[Row]
    main: int
    threshold: float | None = None
    marks: Marks = field(default_factory=Marks)
    zone: tzinfo = UTC
    styles: Mapping[str, str] = field(default_factory=dict)

    def draw(self) -> Markup:
        """Return the SVG, empty if there are fewer than two scores; texts are escaped."""
        rows = thinned(self.rows, self.main)
        if len(rows) < 2:
            return Markup("")
        found = [v for _, values in rows for v in values if v is not None]
        top = min(1.0, max(0.05, self.threshold or 0.0, *found) * 1.12)
        frame = Frame(self.start_ms, self.end_ms, 0.0, top, height=300, bottom=ROOM)
        parts = [self.marks.behind(frame), frame.grid("{:.0%}", self.zone), self.marks.uprights(frame)]
        parts += self._lines(frame, rows)
        if self.threshold is not None:
            parts.append(frame.across("threshold", self.threshold))
        return frame.closed(self.summary, [*parts, self.marks.signs(frame)])

    @property
    def summary(self) -> str:
        """Say in words what the chart shows."""
        risks = [(v, t) for t, values in self.rows if (v := values[self.main]) is not None]
        if not risks:
            return "No risk over this span"
        days = round((self.end_ms - self.start_ms) / DAY_MS)
        over = [v for v, _ in risks if self.threshold is not None and v >= self.threshold]
        said = f"{self.names[self.main]}: {percent(risks[-1][0])} at last, {percent(max(risks)[0])} at most"
        said += f", {round(100 * len(over) / len(risks))} % of the time above the threshold" if over else ""
        counts = (("case", self.marks.cases), ("shutdown", self.marks.shutdowns))
        stops = (("planned stop", self.marks.stops),) if self.marks.stops else ()
        told = ", ".join(
            f"{len(of)} {name}{'' if len(of) == 1 else 's'} marked" for name, of in (*counts, *stops)
        )
        return f"Risk over {days} days; {said}; {told}"

    def _lines(self, frame: Frame, rows: Sequence[Row]) -> list[Markup]:
        """Draw a line per name, the main one last, and name each at its end, apart from the others."""
        order = [i for i in range(len(self.names)) if i != self.main] + [self.main]
        parts, ends = [], []
        for i in order:
            points = [(t, v) for t, values in rows if (v := values[i]) is not None]
            if points:
                parts.append(frame.line(f"line-{i} {self.styles.get(self.names[i], '')}".strip(), points))
                ends.append((frame.y(points[-1][1]) + 4, self.names[i]))
        below = 0.0
        for y, name in sorted(ends):
            below = max(y, below + 12)
            parts.append(frame.word(frame.width - frame.right + 4, below, name))
        return parts


def thinned(rows: Sequence[Row], main: int) -> list[Row]:
    """Return at most some hundred rows, each the highest of its bucket: a peak must not vanish."""
    known = [row for row in rows if row[1][main] is not None]
    size = -(-len(known) // _POINTS) or 1
    return [max(known[i : i + size], key=lambda row: row[1][main] or 0.0) for i in range(0, len(known), size)]
