"""Plants fill a number of machines, whatever they draw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.site.climate import Climate
from simulators.site.plants import draw_plants

MILD, WARM = (
    Climate(name=name, share=share, wet_bulb_mean_c=12.0, season_k=8.0, day_k=1.0, weather_k=2.0)
    for name, share in (("mild", 3.0), ("warm", 1.0))
)


@given(st.integers(0, 2**32), st.integers(1, 300))
def test_every_machine_has_a_plant_and_a_place_in_it(seed: int, assets: int) -> None:
    plants = draw_plants(np.random.default_rng(seed), assets, [MILD])
    assert plants.size.sum() == assets
    assert (plants.size > 0).all()
    for plant, (first, end) in enumerate(zip(plants.first, plants.first[1:], strict=False)):
        assert (plants.plant_of[first:end] == plant).all()
        assert plants.place[first:end].tolist() == list(range(end - first))


def test_climates_have_their_shares_of_the_plants() -> None:
    plants = draw_plants(np.random.default_rng(1), 5000, [MILD, WARM])
    assert np.mean(plants.climate == 1) == pytest.approx(0.25, abs=0.03)
    assert {1, 2, 3, 4, 6} <= set(plants.size.tolist())
