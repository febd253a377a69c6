"""What chance decides, drawn once for all policies: the same fault is as hard to mend, whoever finds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chillcast.proof.plant import HOUR_MS, Plant
from chillcast.proof.terms import Terms
from models.event_time import DAY_MS
from models.telemetry.samples import Float64

_LOOKS = 16
_WEEK_D = 7.0


@dataclass(frozen=True, slots=True)
class Luck:
    """Draws for ``flaws`` flaws, then for each stop, then (as many again) for the stops that repairs make.

    ``repair`` and ``parts`` (2R,) are normal, the others even in [0, 1); ``miss`` (F, 16) is for the looks at
    a flaw, one after another, ``acted`` (C,) for the cases of a policy.
    """

    flaws: int
    repair: Float64
    parts: Float64
    needs: Float64
    induced: Float64
    wait: Float64
    miss: Float64
    acted: Float64

    @property
    def rows(self) -> int:
        """How many flaws and stops there are."""
        return len(self.induced)

    def repair_ms(self, row: int, terms: Terms) -> int:
        """Return how long the repair after a stop takes."""
        return int(HOUR_MS * terms.repair_h * np.exp(terms.spread * self.repair[row]))

    def parts_ms(self, row: int, terms: Terms) -> int:
        """Return how long a part takes to come; 0 if none is needed."""
        if self.needs[row] >= terms.parts_share:
            return 0
        return int(DAY_MS * terms.parts_d * np.exp(terms.spread * self.parts[row]))

    def induces(self, row: int, terms: Terms) -> bool:
        """Return whether a repair makes another stop; one of such a stop makes no third."""
        return row < self.rows and bool(self.induced[row] < terms.induced_share)

    def induced_ms(self, row: int) -> int:
        """Return how long after a repair its stop comes."""
        return int(DAY_MS * _WEEK_D * self.wait[row])

    def misses(self, flaw: int, look: int, terms: Terms) -> bool:
        """Return whether a look at a flaw, the first being 0, misses it."""
        return bool(self.miss[flaw, look % _LOOKS] < terms.miss_share)


def draw(plant: Plant, seed: int, cases: int = 4096) -> Luck:
    """Draw for a plant; the same seed gives the same draws, whatever the policy and the terms."""
    chance = np.random.default_rng(seed)
    flaws, rows = len(plant.flaws), len(plant.flaws) + len(plant.stops)
    return Luck(
        flaws,
        chance.standard_normal(2 * rows),
        chance.standard_normal(2 * rows),
        chance.random(2 * rows),
        chance.random(rows),
        chance.random(rows),
        chance.random((flaws, _LOOKS)),
        chance.random(cases),
    )
