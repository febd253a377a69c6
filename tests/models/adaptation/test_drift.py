from __future__ import annotations

import numpy as np

from models.adaptation.drift import ScoreDrift


def daily_scores(seed: int, days: int, step: float = 0.0) -> np.ndarray:
    """Daily values of a stationary AR(0.99) hourly process, shifted by ``step`` in the last third."""
    rng = np.random.default_rng(seed)
    noise, level = rng.normal(0, 0.14, days * 24), 0.0
    hourly = np.empty(days * 24)
    for i, shock in enumerate(noise):
        level = 0.99 * level + shock
        hourly[i] = level
    daily = hourly[::24] - 4
    daily[days * 2 // 3 :] += step
    return daily


def signals(drift: ScoreDrift, asset: str, scores: np.ndarray) -> list[int]:
    return [t for t, score in enumerate(scores) if drift.update(asset, t, float(score)) is not None]


def test_stationary_scores_raise_almost_no_signal() -> None:
    drift = ScoreDrift()
    found = sum(len(signals(drift, str(a), daily_scores(a, 120))) for a in range(100))
    assert found <= 8  # of 100 assets in 17 weeks


def test_a_lasting_shift_is_signalled_with_the_level_before_and_after() -> None:
    drift, scores = ScoreDrift(), daily_scores(1, 180, step=4.0)
    found = [s for t, x in enumerate(scores) if (s := drift.update("a", t, float(x))) is not None]
    assert any(s.time_ms >= 120 for s in found)
    assert all(s.after > s.before for s in found if s.time_ms >= 120)


def test_each_asset_has_a_detector_of_its_own() -> None:
    shifted = daily_scores(2, 180, step=4.0)
    alone, beside = ScoreDrift(), ScoreDrift()
    signals(beside, "b", daily_scores(3, 180))
    assert signals(alone, "a", shifted) == signals(beside, "a", shifted)
