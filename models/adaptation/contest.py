"""Whether an adapted risk may decide: its loss on matured labels, beside the champion's."""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec

_HALF_LIFE_D, _LATE_HALF_LIFE_D = 45.0, 10.0
_LEAST_LABELS = 1000.0
_MARGIN = 0.01
_ALIKE = 14.0  # windows of neighbouring days look at the same future: so many say hardly more than one
_LASTING_D = 7


class Standing(msgspec.Struct, frozen=True):
    """Sums over labels, of which older ones count less: how many, both losses, and squared differences.

    Those that begin with ``late`` are of the last weeks alone. ``day`` is that of the newest window,
    ``lasted`` on how many days in a row it would have been the other's turn.
    """

    labels: float = 0.0
    champion: float = 0.0
    adapted: float = 0.0
    spread: float = 0.0
    late_champion: float = 0.0
    late_adapted: float = 0.0
    late_spread: float = 0.0
    day: int = 0
    lasted: int = 0
    decides: bool = False

    @property
    def gain(self) -> float:
        """The share of the champion's loss that the adapted risk saves; negative if it loses."""
        return 1.0 - self.adapted / self.champion if self.champion else 0.0

    @property
    def wins(self) -> bool:
        """Whether it saves a standard error, and 1 %, over labels enough, and did not lose of late."""
        margin = _MARGIN * self.champion + math.sqrt(_ALIKE * self.spread)
        enough = self.labels >= _LEAST_LABELS and self.champion - self.adapted > margin
        return enough and self.late_adapted < self.late_champion

    @property
    def loses(self) -> bool:
        """Whether it saves nothing, or lost a standard error of late."""
        lost = self.late_adapted - self.late_champion > math.sqrt(_ALIKE * self.late_spread)
        return lost or self.adapted > self.champion


@dataclass(frozen=True, slots=True)
class Switch:
    """From ``time_ms`` on the adapted risk of a segment decides, or the champion's does again."""

    segment: str
    time_ms: int
    standing: Standing

    @property
    def decides(self) -> bool:
        """Whether the adapted risk took over."""
        return self.standing.decides


def loss(log_odds: float, label: bool) -> float:
    """Return the log-loss of a probability told as log-odds.

    >>> round(loss(0.0, True), 4), round(loss(-50.0, False), 4), round(loss(-50.0, True), 4)
    (0.6931, 0.0, 50.0)
    """
    wrong = -log_odds if label else log_odds
    return max(wrong, 0.0) + math.log1p(math.exp(-abs(wrong)))


def seen(standing: Standing, day: int, champion: float, adapted: float) -> Standing:
    """Return a standing with the losses of one more label, whose window ended on ``day``.

    A day that is over is judged: seven in a row on which the adapted risk wins let it take over, seven on
    which it loses let it step back.
    """
    if day > standing.day:
        standing = _faded(judged(standing), day)
    return msgspec.structs.replace(
        standing,
        labels=standing.labels + 1.0,
        champion=standing.champion + champion,
        adapted=standing.adapted + adapted,
        spread=standing.spread + (champion - adapted) ** 2,
        late_champion=standing.late_champion + champion,
        late_adapted=standing.late_adapted + adapted,
        late_spread=standing.late_spread + (champion - adapted) ** 2,
    )


def judged(standing: Standing) -> Standing:
    """Return a standing at the end of its day, which may be another's turn."""
    turns = standing.loses if standing.decides else standing.wins
    lasted = standing.lasted + 1 if turns else 0
    if lasted < _LASTING_D:
        return msgspec.structs.replace(standing, lasted=lasted)
    return msgspec.structs.replace(standing, lasted=0, decides=not standing.decides)


def _faded(standing: Standing, day: int) -> Standing:
    days = day - standing.day if standing.day else 0
    share, late = (0.5 ** (days / half_life) for half_life in (_HALF_LIFE_D, _LATE_HALF_LIFE_D))
    return msgspec.structs.replace(
        standing,
        labels=standing.labels * share,
        champion=standing.champion * share,
        adapted=standing.adapted * share,
        spread=standing.spread * share,
        late_champion=standing.late_champion * late,
        late_adapted=standing.late_adapted * late,
        late_spread=standing.late_spread * late,
        day=day,
    )
