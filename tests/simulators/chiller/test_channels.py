"""Channels follow their goals with the lags of running and of standing machines."""

import numpy as np
import pytest

from simulators.chiller.channels import Channel, lags


def test_a_minute_brings_pressures_half_way_and_oil_hardly_any() -> None:
    running, stopped = lags(60)
    assert running[Channel.CONDENSING] == pytest.approx(0.49, abs=0.01)
    assert running[Channel.SUMP] == pytest.approx(0.04, abs=0.01)
    assert (stopped <= running + 1e-12)[[Channel.CONDENSING, Channel.SUMP, Channel.DISCHARGE]].all()


@pytest.mark.parametrize("period_s", [60, 900])
def test_two_short_steps_go_as_far_as_one_of_twice_the_length(period_s: int) -> None:
    for short, long in zip(lags(period_s), lags(2 * period_s), strict=True):
        np.testing.assert_allclose(1.0 - (1.0 - short) ** 2, long)
