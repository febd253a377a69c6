"""A sensor over time against what is usual for the machine at the same load and weather."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeVar

from markupsafe import Markup

from models.event_time import DAY_MS
from models.fleet.points import MachinePoint
from models.risk.usual import UNUSUAL
from models.risk.wording import alike, said, subject, usually
from streams.page.marks import ROOM, Marks
from streams.page.plot import Frame
from streams.stores.reading_points import Reading

_MARGIN = 0.15
_GAP_MS = 2 * DAY_MS
T = TypeVar("T", bound=tuple[Any, ...])
Days = Sequence[tuple[int, Reading]]


@dataclass(frozen=True, slots=True)
class SensorSeries:
    """What a point read on ``days``, in the order of time; ``over`` says in words over what span."""

    point: MachinePoint
    days: Days
    over: str

    @property
    def said(self) -> str:
        """The last reading in words."""
        return said(self.point, self.days[-1][1].value, self.over)

    @property
    def usual(self) -> str:
        """What was usual then, empty if nobody knows."""
        return self._usual(self.days[-1][1])

    @property
    def subject(self) -> str:
        """What it is said of."""
        return subject(self.point)

    @property
    def departed_ms(self) -> int | None:
        """The end of the first of the last days in a row that departed; one that did not is passed over."""
        since, calm = None, 0
        for time_ms, reading in reversed(self.days):
            departs = self.departs(reading)
            if departs:
                since, calm = time_ms, 0
            elif departs is not None:
                calm += 1
                if since is None or calm > 1:
                    break
        return since

    def since(self, zone: tzinfo = UTC) -> str:
        """Say since which day it departs, empty if it does not."""
        departed_ms = self.departed_ms
        return "" if departed_ms is None else _day(departed_ms, zone)

    @property
    def away(self) -> float:
        """How many spreads the last reading lies from what is usual, 0 if nobody knows."""
        return _away(self.days[-1][1]) or 0.0

    def draw(self, start_ms: int, end_ms: int, zone: tzinfo = UTC, marks: Marks | None = None) -> Markup:
        """Return the SVG, empty if there are fewer than two readings."""
        if len(self.days) < 2:
            return Markup("")
        marks = marks or Marks()
        frame = Frame(start_ms, end_ms, *self._range(), height=200, bottom=ROOM)
        parts = [marks.behind(frame), *self._band(frame), frame.grid("{:g}", zone), marks.uprights(frame)]
        parts += self._lines(frame)
        last = self.days[-1][1].value
        parts += [frame.word(frame.width - frame.right + 4, frame.y(last) + 4, "reads"), marks.signs(frame)]
        return frame.closed(self.summary(zone), parts)

    def spark(self, zone: tzinfo = UTC) -> Markup:
        """Return a small picture of it, empty if there are fewer than two readings."""
        if len(self.days) < 2:
            return Markup("")
        ends = self.days[0][0], self.days[-1][0]
        frame = Frame(*ends, *self._range(), 160, 40, 3, 4, 3, 3)
        last_ms, last = self.days[-1]
        dot = frame.dot("last", last_ms, last.value, 3)
        drawn = [*self._band(frame), *self._lines(frame, 1.5), dot]
        return frame.closed(self.summary(zone), drawn, "chart spark")

    def summary(self, zone: tzinfo = UTC) -> str:
        """Say in words what the chart shows."""
        first, last = self.days[0], self.days[-1]
        words = f"{self.subject}: {said(self.point, first[1].value, self.over)} on {_day(first[0], zone)}, "
        words += f"{self.said} on {_day(last[0], zone)}; usually {self.usual or 'not known'}"
        since = self.since(zone)
        return words + (f"; departs since {since}" if since else "")

    @property
    def lasts(self) -> bool:
        """Whether it departs, and not on the last day alone: of many sensors one always does."""
        return self.departed_ms is not None and self.departed_ms < self.days[-1][0]

    def departs(self, reading: Reading) -> bool | None:
        """Return whether a reading is not usual, and can be told from what is; None if nobody knows."""
        away = _away(reading)
        if away is None or reading.usual is None:
            return None
        return abs(away) > UNUSUAL and not alike(self.point, reading.value, reading.usual)

    def _usual(self, reading: Reading) -> str:
        return "" if reading.usual is None else usually(self.point, reading.usual)

    def _range(self) -> tuple[float, float]:
        """Return the lowest and the highest value that is shown, with some room."""
        found = [one.value for _, one in self.days]
        found += [edge for _, one in self.days for edge in (band_of(one) or ())]
        room = (max(found) - min(found) or abs(found[0]) or 1.0) * _MARGIN
        return min(found) - room, max(found) + room

    def _band(self, frame: Frame) -> Iterator[Markup]:
        """Fill what is usual, and draw its middle."""
        known = [(t, one, band) for t, one in self.days if (band := band_of(one)) is not None]
        for some in _stretches(known):
            yield frame.band("expected", [(t, b[1]) for t, _, b in some], [(t, b[0]) for t, _, b in some])
            yield frame.line("usual", [(t, one.usual) for t, one, _ in some if one.usual is not None])

    def _lines(self, frame: Frame, radius: float = 2.5) -> Iterator[Markup]:
        """Draw what was read, with a point on each day that departed."""
        for some in _stretches(self.days):
            places = [(t, one.value) for t, one in some]
            yield frame.line("risk", places) if len(places) > 1 else frame.dot("risk", *places[0])
        for t, one in self.days:
            if self.departs(one):
                yield frame.dot("departs", t, one.value, radius)


def band_of(reading: Reading) -> tuple[float, float] | None:
    """Return between what a reading is usual, None if nobody knows."""
    if reading.usual is None:
        return None
    half = UNUSUAL * (reading.spread or 0.0)
    return reading.usual - half, reading.usual + half


def _away(reading: Reading) -> float | None:
    if reading.usual is None or not reading.spread:
        return None
    return (reading.value - reading.usual) / reading.spread


def _stretches(points: Iterable[T]) -> Iterator[list[T]]:
    """Yield tuples, of which a time is the first, that follow each other without a gap."""
    found: list[T] = []
    for point in points:
        if found and point[0] - found[-1][0] > _GAP_MS:
            yield found
            found = []
        found.append(point)
    if found:
        yield found


def _day(end_ms: int, zone: tzinfo) -> str:
    """Say the day that ends at a time."""
    return datetime.fromtimestamp((end_ms - 1) / 1000, zone).strftime("%Y-%m-%d")
