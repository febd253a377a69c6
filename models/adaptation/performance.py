"""What the scores are worth, week by week: as labels tell, and as the risks foretell before these come.

A calibrated risk foretells its own loss (its entropy) and how much will come, without labels. That sees a
fleet of which more machines look bad, not one in which the same looks mean something else: so it stands
beside what labels told, with how many there were and how old they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from models.adaptation.contest import loss
from models.adaptation.drift import DriftSignal, ScoreDrift
from models.adaptation.labels import Matured
from models.event_time import DAY_MS
from models.fleet.inventory import FLEET

WEEK_MS = 7 * DAY_MS


class Sums(msgspec.Struct, frozen=True):
    """Of a week: windows that were scored, what their risks foretell, and what labels told of earlier ones.

    ``came`` of ``labels`` windows are those after which an outcome came, ``unlabelled`` those of which nobody
    can know; ``newest_ms`` is the end of the newest window with a label.
    """

    scored: int = 0
    foretold: float = 0.0
    foretold_loss: float = 0.0
    labels: int = 0
    unlabelled: int = 0
    came: int = 0
    expected: float = 0.0
    loss: float = 0.0
    expected_loss: float = 0.0
    newest_ms: int = 0


@dataclass(frozen=True, slots=True)
class Worth:
    """What the scores of a week that ended at ``time_ms`` are worth."""

    time_ms: int
    sums: Sums

    @property
    def estimated(self) -> float:
        """The mean log-loss that the risks of the week foretell of themselves; no label is needed."""
        return self.sums.foretold_loss / self.sums.scored if self.sums.scored else math.nan

    @property
    def realised(self) -> float:
        """The mean log-loss of the windows whose label came in that week, NaN if none did."""
        return self.sums.loss / self.sums.labels if self.sums.labels else math.nan

    @property
    def coverage(self) -> float:
        """The share of windows that were due of which the label is known, NaN if none was due."""
        due = self.sums.labels + self.sums.unlabelled
        return self.sums.labels / due if due else math.nan

    @property
    def age_d(self) -> float:
        """How old the newest window with a label was at the end of the week, in days; NaN if none came."""
        return (self.time_ms - self.sums.newest_ms) / DAY_MS if self.sums.labels else math.nan


# The week, its sums, and what the detector of errors was shown.
Remembered = tuple[int, Sums, list[float]]


@dataclass(slots=True)
class Performance:
    """Sums of the week, and ADWIN on by which share a day's labels were worse than foretold.

    ``changed`` says that it is remembered otherwise since whoever saves it last cleared it.
    """

    changed: bool = False
    _week: int = 0
    _sums: Sums = field(default_factory=Sums)
    _errors: ScoreDrift = field(default_factory=ScoreDrift)

    def scored(self, log_odds: float) -> None:
        """See a score of the day."""
        risk, entropy = _foretold(log_odds)
        self._add(scored=1, foretold=risk, foretold_loss=entropy)

    def matured(self, lessons: Iterable[Matured], unlabelled: int) -> list[DriftSignal]:
        """See windows whose labels are known now, the oldest first; return signals of how wrong they were."""
        if unlabelled:
            self._add(unlabelled=unlabelled)
        days: dict[int, list[float]] = {}
        for one in lessons:
            (risk, entropy), wrong = _foretold(one.log_odds), loss(one.log_odds, one.label)
            self._add(labels=1, came=int(one.label), expected=risk, loss=wrong, expected_loss=entropy)
            day = days.setdefault(one.end_ms, [0.0, 0.0])
            day[0], day[1] = day[0] + wrong, day[1] + entropy
        newest_ms = max([self._sums.newest_ms, *days])
        self._sums = msgspec.structs.replace(self._sums, newest_ms=newest_ms)
        shown = (
            (end_ms, wrong / entropy - 1) for end_ms, (wrong, entropy) in sorted(days.items()) if entropy
        )
        signals = [self._errors.update(FLEET, end_ms, excess) for end_ms, excess in shown]
        self._errors.changed.clear()
        return [one for one in signals if one is not None]

    def advance(self, watermark_ms: int) -> Worth | None:
        """Return what the week that is over was worth, if one is since the last call and had any scores."""
        week, before, sums = watermark_ms // WEEK_MS, self._week, self._sums
        if week <= before:
            return None
        self._week, self.changed = week, True
        if not before:
            return None
        self._sums = Sums()
        return Worth((before + 1) * WEEK_MS, sums) if sums.scored or sums.labels else None

    def remember(self) -> Remembered:
        """Return what is remembered."""
        return self._week, self._sums, self._errors.remember(FLEET)

    def restore(self, remembered: Remembered) -> None:
        """Know it again."""
        self._week, self._sums, shown = remembered
        if shown:
            self._errors.restore(FLEET, shown)

    def _add(self, **more: float) -> None:
        sums = {name: getattr(self._sums, name) + value for name, value in more.items()}
        self._sums, self.changed = msgspec.structs.replace(self._sums, **sums), True


def _foretold(log_odds: float) -> tuple[float, float]:
    """Return a risk and the loss that it expects of itself.

    >>> _foretold(0.0) == (0.5, math.log(2))
    True
    """
    risk = 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0
    return risk, risk * loss(log_odds, True) + (1 - risk) * loss(log_odds, False)
