"""What scores are worth without labels and with them, and that errors which change are noticed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.adaptation.labels import Matured
from models.adaptation.performance import WEEK_MS, Performance, Worth
from models.event_time import DAY_MS


def lived(performance: Performance, shift: float, begin: int, end: int) -> tuple[list[Worth], int]:
    """Score and label fifty machines a day, whose true log-odds are ``shift`` above what is said."""
    rng, worths, signals = np.random.default_rng(begin), list[Worth](), 0
    for day in range(begin, end):
        said = rng.normal(-2, 1, 50)
        came = rng.random(50) < 1 / (1 + np.exp(-(said + shift)))
        for log_odds in said.tolist():
            performance.scored(log_odds)
        ends = [Matured(day * DAY_MS, f"a{i}", float(said[i]), bool(came[i])) for i in range(50)]
        signals += len(performance.matured(ends, 10))
        worth = performance.advance((day + 1) * DAY_MS)
        worths += [worth] if worth else []
    return worths, signals


def test_a_calibrated_week_is_worth_what_it_foretold_and_says_how_many_labels_and_how_old() -> None:
    worths, signals = lived(Performance(), 0.0, 7, 70)
    assert len(worths) == 9
    assert signals == 0
    realised, estimated = (
        np.mean([getattr(one, name) for one in worths]) for name in ("realised", "estimated")
    )
    assert realised == pytest.approx(estimated, rel=0.05)
    assert worths[1].sums.scored == 350
    assert worths[1].coverage == pytest.approx(50 / 60)
    assert worths[1].time_ms % WEEK_MS == 0
    assert worths[1].age_d == pytest.approx(1.0)


def test_what_the_risks_cannot_see_the_labels_tell_and_the_detector_says() -> None:
    performance = Performance()
    before, _ = lived(performance, 0.0, 7, 70)
    after, signals = lived(performance, 2.0, 70, 140)
    assert after[-1].estimated == pytest.approx(before[-1].estimated, rel=0.2)
    assert after[-1].realised > 1.5 * before[-1].realised
    assert signals >= 1


def test_a_week_without_labels_has_an_estimate_alone() -> None:
    performance = Performance()
    performance.advance(10 * WEEK_MS)
    performance.scored(0.0)
    worth = performance.advance(11 * WEEK_MS)
    assert worth is not None
    assert worth.estimated == pytest.approx(math.log(2))
    assert math.isnan(worth.realised)
    assert math.isnan(worth.coverage)
    assert performance.advance(12 * WEEK_MS) is None
