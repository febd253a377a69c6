"""Which windows and events were seen: without transactions a worker that took over repeats some."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.features.kernel import Windows

_EVENTS = 32

# Of one machine: the end of its newest window, revisions by end, and its last events, time and what.
Remembered = tuple[int, list[tuple[int, int]], list[tuple[int, str]]]


@dataclass(slots=True)
class _SeenOfAsset:
    newest_ms: int = 0
    revisions: dict[int, int] = field(default_factory=dict)
    events: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=_EVENTS))


class Seen:
    """Tells what is new from what is said again, whatever stands between the two.

    Whoever repeats begins at or before where the log ends, so that what is new comes in order: a window ends
    after every window of its machine before it, or is a correction, with a higher revision, of one that ended
    less than ``reach_ms`` before the newest. Of a machine's events the last 32 are known by time and kind.
    """

    def __init__(self, reach_ms: int) -> None:
        self.reach_ms = reach_ms
        self._changed: set[str] = set()
        self._assets: dict[str, _SeenOfAsset] = defaultdict(_SeenOfAsset)

    def new_windows(self, windows: Windows) -> npt.NDArray[np.bool_]:
        """Return (n,) which windows were not seen before; from now on they all were."""
        rows = zip(windows.asset.tolist(), windows.end_ms.tolist(), windows.revision.tolist(), strict=True)
        return np.array([self._is_new(windows.assets[code], end, of) for code, end, of in rows], bool)

    def is_new_event(self, asset: str, time_ms: int, what: str) -> bool:
        """Return whether an event of a kind was not seen before; from now on it was."""
        events = self._assets[asset].events
        if (time_ms, what) in events:
            return False
        events.append((time_ms, what))
        self._changed.add(asset)
        return True

    def take_changed(self) -> set[str]:
        """Return the assets remembered otherwise than at the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def remember(self, asset: str) -> Remembered:
        """Return what is known of an asset."""
        known = self._assets[asset]
        return known.newest_ms, list(known.revisions.items()), list(known.events)

    def restore(self, asset: str, remembered: Remembered) -> None:
        """Know it again."""
        newest_ms, revisions, events = remembered
        self._assets[asset] = _SeenOfAsset(newest_ms, dict(revisions), deque(events, _EVENTS))

    def _is_new(self, asset: str, end_ms: int, revision: int) -> bool:
        known = self._assets[asset]
        if revision == 0:
            is_new = end_ms > known.newest_ms
        else:
            is_new = revision > known.revisions.get(end_ms, 0) and end_ms > known.newest_ms - self.reach_ms
        if is_new:
            self._note(asset, known, end_ms, revision)
        return is_new

    def _note(self, asset: str, known: _SeenOfAsset, end_ms: int, revision: int) -> None:
        self._changed.add(asset)
        if revision:
            known.revisions[end_ms] = revision
            return
        known.newest_ms = end_ms
        if known.revisions:
            known.revisions = _since(known.revisions.items(), end_ms - self.reach_ms)


def _since(revisions: Iterable[tuple[int, int]], after_ms: int) -> dict[int, int]:
    return {end_ms: revision for end_ms, revision in revisions if end_ms > after_ms}
