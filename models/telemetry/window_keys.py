"""Which machine windows are of, and when they end: the columns that every table of windows begins with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from models.telemetry.samples import Int32, Int64


@dataclass(frozen=True, slots=True)
class WindowKeys:
    """``n`` windows: of the machine ``asset`` (n,), a number in ``assets``, up to ``end_ms`` (n,), exclusive.

    A table of windows inherits this and adds more: every array has a row for each window.

    >>> keys = WindowKeys(("a", "b"), np.array([0, 1, 0], np.int32), np.array([10, 20, 30]))
    >>> keys.take(np.array([2])).end_ms.tolist(), len(keys.between(10, 30))
    ([30], 2)
    """

    assets: Sequence[str]
    asset: Int32
    end_ms: Int64

    def __len__(self) -> int:
        return len(self.asset)

    @property
    def columns(self) -> tuple[Sequence[str], Int32, Int64]:
        """The keys alone: what every table of windows begins with."""
        return self.assets, self.asset, self.end_ms

    def take(self, rows: Int64 | npt.NDArray[np.bool_]) -> Self:
        """Return the given rows of every array, the table of asset names unchanged."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        taken: dict[str, Any] = {k: v[rows] for k, v in found.items() if isinstance(v, np.ndarray)}
        return replace(self, **taken)

    def between(self, from_ms: int, until_ms: int) -> Self:
        """Return the windows that end in [from, until)."""
        return self.take((self.end_ms >= from_ms) & (self.end_ms < until_ms))

    def of_assets(self, chosen: Callable[[str], bool]) -> Self:
        """Return the windows of some machines."""
        return self.take(np.array([chosen(name) for name in self.assets], bool)[self.asset])


def join_keys(parts: Sequence[WindowKeys]) -> WindowKeys:
    """Return the keys of all parts, whose machines are others in each, one after the other.

    >>> one = WindowKeys(("a",), np.zeros(1, np.int32), np.array([10]))
    >>> join_keys([one, WindowKeys(("b",), np.zeros(1, np.int32), np.array([20]))]).asset.tolist()
    [0, 1]
    """
    before = itertools.accumulate((len(part.assets) for part in parts), initial=0)
    return WindowKeys(
        tuple(name for part in parts for name in part.assets),
        np.concatenate([part.asset + at for part, at in zip(parts, before, strict=False)]).astype(np.int32),
        np.concatenate([part.end_ms for part in parts]),
    )
