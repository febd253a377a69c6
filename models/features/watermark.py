"""The fleet's watermark: how far event time has come, whatever single clocks say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class FleetWatermark:
    """Follows the newest pane of each asset.

    A pane is reached when the newest samples of a quarter of all assets (of few, rather more) lie in it or
    beyond. So neither a clock that is a day ahead, nor machines that fell silent, nor half a fleet behind a
    broken line decides for the others. It never goes back.

    >>> fleet = FleetWatermark()
    >>> [fleet.observe(name, pane) for name, pane in (("a", 5), ("b", 5), ("c", 30), ("a", 6), ("b", 6))]
    [False, False, False, True, False]
    >>> fleet.reached
    6
    """

    def __init__(self) -> None:
        self.reached: int | None = None
        self._newest: dict[str, int] = {}
        self._at: Counter[int] = Counter()
        self._ahead = 0

    def observe(self, asset: str, pane: int) -> bool:
        """See that ``asset`` has samples in ``pane``; return whether the fleet has come further by it."""
        before = self._newest.get(asset)
        if before is not None and pane <= before:
            return False
        self._move(asset, before, pane)
        return self._advance()

    def restore(self, newest: Iterable[tuple[str, int]], reached: int | None) -> None:
        """Begin again with the newest pane of each asset."""
        self.reached = reached
        for asset, pane in newest:
            self._move(asset, self._newest.get(asset), pane)

    def _move(self, asset: str, before: int | None, pane: int) -> None:
        self._newest[asset] = pane
        self._at[pane] += 1
        if before is not None:
            self._at[before] -= 1
            if not self._at[before]:
                del self._at[before]
        reached = self.reached
        if reached is not None:
            self._ahead += (pane >= reached) - (before is not None and before >= reached)

    def _advance(self) -> bool:
        """Come as far as enough assets have come."""
        before, assets = self.reached, len(self._newest)
        if self.reached is None:
            self.reached, self._ahead = min(self._at), assets
        needed = assets - 3 * (assets - 1) // 4
        ahead = self._ahead
        for pane in sorted(p for p in self._at if p >= self.reached):
            if ahead < needed:
                break
            self.reached, self._ahead = pane, ahead
            ahead -= self._at[pane]
        return before is not None and self.reached != before
