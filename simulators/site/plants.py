"""Plants: a building, the site where it stands, and the one to six like chillers that cool it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.telemetry.samples import Float64, Int64
from simulators.site.climate import Climate
from simulators.site.load import BUILDINGS

# Chillers of a plant, and the share of plants that have so many: judgement.
_SIZES = (1, 2, 3, 4, 6)
_SHARES = (0.10, 0.30, 0.27, 0.20, 0.13)
# How cold a plant keeps its condenser water: some follow the weather, some hold a set-point. Judgement.
_COLDEST_CONDENSER_C = (18.3, 27.0)


@dataclass(frozen=True, slots=True)
class Plants:
    """``P`` plants with ``A`` machines in all, those of one plant next to each other.

    ``plant_of`` (A,) is the plant of a machine and ``place`` (A,) its number there, from 0. ``size``,
    ``building`` and ``climate`` (P,) are the number of machines, and indices into ``BUILDINGS`` and a
    scenario's climates; ``coldest_condenser_c`` (P,) is the least that the towers cool their water to.
    """

    plant_of: Int64
    place: Int64
    size: Int64
    building: Int64
    climate: Int64
    coldest_condenser_c: Float64

    @property
    def first(self) -> Int64:
        """The first machine of each plant and, at the end, the number of machines: shape (P + 1,)."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.size)])


def draw_plants(rng: np.random.Generator, assets: int, climates: Sequence[Climate]) -> Plants:
    """Draw plants for ``assets`` machines: buildings and climates by share; the last takes what is left."""
    sizes = rng.choice(_SIZES, assets, p=_SHARES)
    ends = np.cumsum(sizes)
    count = int(np.searchsorted(ends, assets)) + 1
    size = np.diff(np.minimum(ends[:count], assets), prepend=0)
    plant_of = np.repeat(np.arange(count), size)
    weight = np.array([c.share for c in climates])
    return Plants(
        plant_of=plant_of,
        place=np.arange(assets) - (np.cumsum(size) - size)[plant_of],
        size=size,
        building=rng.choice(len(BUILDINGS), count, p=[b.share for b in BUILDINGS]),
        climate=rng.choice(len(climates), count, p=weight / weight.sum()),
        coldest_condenser_c=rng.uniform(*_COLDEST_CONDENSER_C, count),
    )
