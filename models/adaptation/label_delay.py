"""Label delay: findings that come too late for the windows that they would be labels of."""

from __future__ import annotations

from dataclasses import dataclass, field

_LATELY, _MANY, _FEW = 5, 3, 1

# How late the last findings came, in milliseconds, and whether that was said.
Remembered = tuple[list[int], bool]


@dataclass(slots=True)
class LabelDelay:
    """Watches how long after a machine was looked at its finding comes; after ``horizon_ms`` is too late.

    >>> delay = LabelDelay(7)
    >>> [delay.heard(late_ms) for late_ms in (1, 9, 8, 2, 30, 9)]
    [None, None, None, None, 8, None]
    """

    horizon_ms: int
    _late_ms: list[int] = field(default_factory=list)
    _said: bool = False

    def heard(self, late_ms: int) -> int | None:
        """See how late a finding came; return the median of five once three of them were too late."""
        self._late_ms = [*self._late_ms, late_ms][-_LATELY:]
        late = sum(one > self.horizon_ms for one in self._late_ms)
        says = late >= _MANY and not self._said
        self._said = late > _FEW if self._said else says
        return sorted(self._late_ms)[len(self._late_ms) // 2] if says else None

    def remember(self) -> Remembered:
        """Return what is remembered."""
        return list(self._late_ms), self._said

    def restore(self, remembered: Remembered) -> None:
        """Know it again."""
        self._late_ms, self._said = list(remembered[0]), remembered[1]
