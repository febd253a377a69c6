"""What happened to a machine, marked in every chart of it on the same axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from streams.page.plot import Frame

ROOM = 40
"""The margin below a chart in which signs and dates have room."""
OPENED, ACKNOWLEDGED, FOUND, ENDED = "○", "◐", "●", "□"
"""The signs of what a case went through, in that order."""
STOPPED = "‖"
_LABEL = f"{STOPPED} planned stop"
_LABEL_WIDTH, _STEP_WIDTH = 84, 11


@dataclass(frozen=True, slots=True)
class Marks:
    """Moments and spans with words; spans are from and to, and ``steps`` have their sign before the words."""

    shutdowns: Sequence[tuple[int, str]] = ()
    repairs: Sequence[tuple[int, str]] = ()
    models: Sequence[tuple[int, str]] = ()
    cases: Sequence[tuple[int, int, str]] = ()
    steps: Sequence[tuple[int, str, str]] = ()
    stops: Sequence[tuple[int, int, str]] = ()
    quality: Sequence[tuple[int, str]] = ()
    drift: Sequence[tuple[int, str]] = ()

    def behind(self, frame: Frame) -> Markup:
        """Draw the spans of cases and planned stops, which everything else lies on."""
        cases = [frame.span("mark-case", *case) for case in self.cases]
        return Markup("").join([*cases, *(frame.span("mark-stop", *stop) for stop in self.stops)])

    def uprights(self, frame: Frame) -> Markup:
        """Draw other models and shutdowns."""
        models = [frame.upright("mark-model", t, words) for t, words in self.models]
        return Markup("").join([*models, *(frame.upright("trip", t, words) for t, words in self.shutdowns)])

    def signs(self, frame: Frame) -> Markup:
        """Draw what cases went through above the lines, and maintenance, doubts and drift below them."""
        below = ("repair", "▲", self.repairs), ("doubt", "×", self.quality), ("drift", "≈", self.drift)
        signs = [
            _sign(name, sign, frame.x(time_ms), frame.floor + 13, words)
            for name, sign, told in below
            for time_ms, words in told
        ]
        labels = [_label(frame, *stop) for stop in self.stops]
        return Markup("").join([*labels, *self._steps(frame), *signs])

    def _steps(self, frame: Frame) -> Sequence[Markup]:
        """Draw what cases went through, signs that would lie on each other beside each other."""
        found, beyond = [], 0.0
        for time_ms, sign, words in sorted(self.steps):
            x = max(frame.x(time_ms), beyond)
            beyond = x + _STEP_WIDTH
            found.append(_sign("step", sign, x, frame.top - 3, words))
        return found


def _label(frame: Frame, from_ms: int, to_ms: int, words: str) -> Markup:
    """Say what a span is, in its middle; in one sign if it is narrow."""
    left, right = frame.x(from_ms), frame.x(to_ms)
    label = _LABEL if right - left >= _LABEL_WIDTH else STOPPED
    return _sign("stop-label", label, (left + right) / 2, frame.top + 12, words)


def _sign(name: str, sign: str, x: float, y: float, words: str) -> Markup:
    form = Markup('<text class="{}" x="{:.1f}" y="{}" text-anchor="middle">{}<title>{}</title></text>')
    return form.format(name, x, y, sign, words)
