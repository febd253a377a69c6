from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features.panes import M2, MAX, MEAN, MIN, STATS, summarise


@settings(deadline=None)  # it is compiled first
@given(st.integers(0, 2**31), st.integers(1, 70), st.integers(1, 75), st.floats(0, 1))
def test_a_pane_says_of_each_channel_what_numpy_says(
    seed: int, slots: int, channels: int, missing: float
) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.normal(20, 5, (slots, channels)).astype(np.float32)
    samples[rng.random(samples.shape) < missing] = np.nan
    n, stats = np.empty(channels, np.uint16), np.empty((STATS, channels), np.float32)
    summarise(samples, n, stats, np.empty((2, channels)))
    for c in range(channels):
        known = samples[:, c][~np.isnan(samples[:, c])].astype(np.float64)
        assert n[c] == len(known)
        if len(known):
            np.testing.assert_allclose(stats[MEAN, c], known.mean(), rtol=1e-6)
            np.testing.assert_allclose(
                stats[M2, c], ((known - known.mean()) ** 2).sum(), rtol=1e-6, atol=1e-9
            )
            assert (stats[MIN, c], stats[MAX, c]) == (known.min(), known.max())
