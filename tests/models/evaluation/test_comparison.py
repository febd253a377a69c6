from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from models.evaluation.comparison import matured, pair
from models.event_time import DAY_MS
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event, Float64, Int64
from models.telemetry.window_keys import WindowKeys


def fleet(seed: int, assets: int = 300, days: int = 8) -> tuple[Int64, Float64, Float64]:
    """Machines with a risk of their own, and what came of each window."""
    rng = np.random.default_rng(seed)
    risk = np.repeat(rng.beta(1, 8, assets), days)
    stopped = np.repeat(rng.random(assets), days) < risk
    return np.repeat(np.arange(assets), days), stopped.astype(float), risk


def test_a_model_that_knows_more_is_better_and_the_other_way_round_worse() -> None:
    asset, label, risk = fleet(1)
    flat = np.full(len(risk), label.mean())
    assert pair(asset, label, risk, flat).verdict == "better"
    assert pair(asset, label, flat, risk).verdict == "worse"


def test_equal_models_are_undecided_in_nearly_every_fleet() -> None:
    """Both are off by noise of the machine, so that windows alone would be far too sure."""
    words = []
    for seed in range(60):
        asset, label, risk = fleet(seed, assets=100)
        noise = np.random.default_rng(1000 + seed).normal(0, 0.5, (2, 100)).repeat(8, axis=1)
        one, other = (1 / (1 + np.exp(-(np.log(risk / (1 - risk)) + n))) for n in noise)
        words.append(pair(asset, label, one, other, draws=500).verdict)
    assert words.count("undecided") >= 51  # 95 % of 60, less three standard deviations


def test_looking_every_few_days_does_not_decide_between_equal_models() -> None:
    """To look seventeen times, and stop at the first verdict, is wrong about as seldom as to look once."""
    decided = sum(any(word != "undecided" for word in looks_at_equal_models(seed)) for seed in range(60))
    assert decided <= 7  # 5 % of 60, and two and a half standard deviations


def looks_at_equal_models(seed: int, assets: int = 100, days: int = 90) -> Iterator[str]:
    """Yield the verdicts of days 10, 15, … 90 on models that are both off by a noise of day and machine."""
    rng = np.random.default_rng(seed)
    rate = rng.beta(1, 60, assets)[:, None]
    trips = rng.random((assets, days + 14)) < rate
    label = np.lib.stride_tricks.sliding_window_view(trips, 14, axis=1)[:, 1 : days + 1].any(axis=2)
    logit = np.log(rate * 14) + rng.normal(0, 0.5, (2, assets, days))
    one, other = 1 / (1 + np.exp(-logit))
    for day in range(10, days + 1, 5):
        asset = np.repeat(np.arange(assets), day)
        seen = (x[:, :day].ravel() for x in (label.astype(float), one, other))
        yield pair(asset, *seen, draws=1000).verdict


@pytest.mark.parametrize("outcomes", [0.0, 1.0])
def test_without_both_labels_nothing_is_decided(outcomes: float) -> None:
    asset, label, risk = fleet(1)
    found = pair(asset, np.full(len(label), outcomes), risk, risk / 2)
    assert (found.verdict, found.low, found.high) == ("undecided", None, None)


def test_nothing_at_all_is_undecided() -> None:
    empty = np.zeros(0)
    assert pair(empty.astype(np.int64), empty, empty, empty).difference is None


def test_a_label_counts_from_the_moment_its_horizon_has_passed() -> None:
    end_ms = np.array([1, 2, 3]) * DAY_MS
    log = EventLog([Event(2 * DAY_MS + 1, "a", "shutdown")])
    rows, label = matured(WindowKeys(("a",), np.zeros(3, np.int32), end_ms), log, 1.0, 3 * DAY_MS)
    assert (rows.tolist(), label.tolist()) == ([0, 1], [0.0, 1.0])
