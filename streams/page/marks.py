"""What happened to a machine, marked in every chart of it on the same axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from streams.page.plot import Frame

ROOM = 40
"""The margin below a chart in which signs and dates have room."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Moments and spans with words, the spans of cases being from and to."""

    shutdowns: Sequence[tuple[int, str]] = ()
    repairs: Sequence[tuple[int, str]] = ()
    models: Sequence[tuple[int, str]] = ()
    cases: Sequence[tuple[int, int, str]] = ()
    quality: Sequence[tuple[int, str]] = ()

    def behind(self, frame: Frame) -> Markup:
        """Draw the spans of cases, which everything else lies on."""
        return Markup("").join(frame.span("mark-case", *case) for case in self.cases)

    def uprights(self, frame: Frame) -> Markup:
        """Draw other models and shutdowns."""
        models = [frame.upright("mark-model", t, words) for t, words in self.models]
        return Markup("").join([*models, *(frame.upright("trip", t, words) for t, words in self.shutdowns)])

    def signs(self, frame: Frame) -> Markup:
        """Draw, below the lines, maintenance and doubts about the data."""
        repairs = [_below(frame, "repair", "▲", *repair) for repair in self.repairs]
        return Markup("").join([*repairs, *(_below(frame, "doubt", "×", *doubt) for doubt in self.quality)])


def _below(frame: Frame, name: str, sign: str, time_ms: int, words: str) -> Markup:
    form = Markup('<text class="{}" x="{:.1f}" y="{}" text-anchor="middle">{}<title>{}</title></text>')
    return form.format(name, frame.x(time_ms), frame.floor + 13, sign, words)
