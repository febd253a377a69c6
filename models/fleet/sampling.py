"""How a fleet is sampled: period, windows, and how late or early a sample may be."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from models.fleet.config import expects, means, table
from models.fleet.kinds import NotNegative, Positive, Rising

EXACT_PANES = 48  # a longer window begins with a block of panes


def _whole_ms(period_s: float) -> float:
    if period_s <= 0 or abs(period_s * 1000 - round(period_s * 1000)) > 1e-6:
        raise ValueError(period_s)
    return period_s


@table
class Sampling:
    """Panes of ``hop_s`` make windows; their ends are multiples of it."""

    period_s: Annotated[
        int | float,
        AfterValidator(_whole_ms),
        expects("a number above 0, in whole milliseconds"),
        means("seconds between samples; of two readings of a sensor in one period the later stays"),
    ]
    hop_s: Annotated[Positive, means("length of a pane, and distance between windows")]
    windows_s: Annotated[
        tuple[Positive, ...],
        Field(min_length=1),
        Rising,
        expects("rising whole numbers above 0"),
        means("window lengths, multiples of the hop"),
    ]
    long_windows_s: Annotated[
        tuple[Positive, ...],
        Rising,
        expects("rising whole numbers above 0"),
        means(
            "more window lengths, for what is computed beside an expectation (residuals, margins, indices): "
            "multiples of the hop, other than `windows_s`"
        ),
    ] = ()
    running_windows_s: Annotated[
        tuple[Positive, ...],
        Rising,
        expects("rising whole numbers above 0"),
        means(
            "window lengths while the machine ran, for what is computed beside an expectation, so that one "
            "that stood is not forgotten: multiples of the hop, above 48 of it; they look back as far as the "
            "longest window"
        ),
    ] = ()
    lateness_s: Annotated[NotNegative, means("how late a sample may correct a window")] = 0
    silent_s: Annotated[
        Positive | None,
        means("report a machine when the fleet is so far ahead of it; else three hops and the lateness"),
    ] = None
    max_future_s: Annotated[
        NotNegative,
        means("refuse a sample, event or watermark whose time is more than this after its message arrived"),
    ] = 3600

    @property
    def period_ms(self) -> int:
        """Milliseconds between samples."""
        return round(self.period_s * 1000)

    @property
    def reach_s(self) -> int:
        """How far back a window looks at most."""
        return max(self.windows_s + self.long_windows_s)

    @property
    def recent_s(self) -> int:
        """Length of the window whose readings people are told: the one next to a day."""
        return min(self.windows_s, key=lambda length_s: abs(length_s - 86400))

    @property
    def silence_ms(self) -> int:
        """How far the fleet is ahead of an asset that counts as silent."""
        return 1000 * (self.silent_s or 3 * self.hop_s + self.lateness_s)
