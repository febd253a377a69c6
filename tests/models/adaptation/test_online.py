from __future__ import annotations

import numpy as np
import pytest
from river import linear_model, optim
from scipy.special import expit

from models.adaptation.labels import Matured
from models.adaptation.layer import OnlineLayer
from models.adaptation.online import OnlineRisk
from models.evaluation.metrics import log_loss
from models.event_time import DAY_MS

HORIZON_D, A_DAY = 7, 40


def lived(
    shift: float, days: int = 300, *, until: int = 10_000, seed: int = 5
) -> tuple[float, float, list[bool]]:
    """Return the log-loss of what the layer says and of the champion, over the later half, and who decided.

    Labels come after seven days; from day ``until`` on nothing is shifted any more.
    """
    rng, layer = np.random.default_rng(seed), OnlineLayer(lambda _: ())
    logit = rng.normal(-3, 1.5, (days, A_DAY))
    moved = np.where(np.arange(days) < until, shift, 0.0)[:, None]
    label, said, decides = rng.random(logit.shape) < expit(logit + moved), np.empty(logit.shape), []
    for day in range(days):
        line = layer.adapted("a")
        said[day] = expit(line.slope * logit[day] + line.intercept)
        decides.append(layer.learners["fleet"].standing.decides)
        if day >= HORIZON_D:
            known = zip(logit[day - HORIZON_D].tolist(), label[day - HORIZON_D].tolist(), strict=True)
            ended_ms = (day - HORIZON_D) * DAY_MS
            lessons = [Matured(ended_ms, "a", *one) for one in known]
            list(layer.learn(lessons, day * DAY_MS, ended_ms))
    later = slice(days // 2, days)
    own, champion = (log_loss(p[later].ravel(), label[later].ravel()) for p in (said, expit(logit)))
    assert own is not None
    assert champion is not None
    return own, champion, decides


def test_before_the_first_label_it_is_the_champion() -> None:
    assert OnlineRisk().line[1:] == (1.0, 0.0)


@pytest.mark.parametrize("shift", [2.0, -2.0])
def test_after_a_change_of_the_base_rate_it_beats_the_champion_and_decides(shift: float) -> None:
    adapted, champion, decides = lived(shift)
    assert adapted < 0.9 * champion
    assert decides[-1]


def test_where_nothing_changed_it_stays_near_the_champion_and_never_decides() -> None:
    adapted, champion, decides = lived(0.0)
    assert adapted < 1.02 * champion
    assert not any(decides)


def test_it_steps_back_by_itself_when_the_change_is_over() -> None:
    _, _, decides = lived(-2.0, days=700, until=200)
    assert any(decides)
    assert not decides[-1]


def test_what_it_says_is_rivers_prediction_to_the_bit() -> None:
    rng, ours = np.random.default_rng(3), OnlineRisk()
    river = linear_model.LogisticRegression(
        optimizer=optim.SGD(0.005), intercept_lr=0.005, initializer=optim.initializers.Constant(4.0)
    )
    river.learn_one({"champion": 0.0}, y=False, w=0.0)
    for day in range(1, 200):
        lesson = Matured(day * DAY_MS, "a", float(rng.normal(-2, 2)), bool(rng.random() < 0.3))
        ours.learn(lesson)
        river.learn_one({"champion": lesson.log_odds / 4.0}, lesson.label)
        ours.say(day * DAY_MS, 0)
    raw = river._raw_dot_one({"champion": -2.5 / 4.0})
    assert ours.line.of(-2.5) == pytest.approx(float(raw), abs=1e-12)


def test_a_window_is_judged_by_what_was_said_of_it_and_not_by_what_was_learnt_since() -> None:
    learner = OnlineRisk()
    for day in range(1, 40):
        learner.learn(Matured(DAY_MS // 2, "a", -3.0, label=True))
        learner.say(day * DAY_MS, 0)
    assert learner.standing.adapted == learner.standing.champion
    assert learner.line.intercept > 0.1


def test_what_is_remembered_of_a_learner_is_bounded() -> None:
    learner = OnlineRisk()
    for hour in range(5000):
        learner.learn(Matured(hour * 3_600_000, "a", -3.0, label=False))
        learner.say(hour * 3_600_000, 0)
    assert len(learner.remember().lines) == 128


def test_a_segment_that_changed_is_adapted_and_the_others_stay_the_champions() -> None:
    rng, layer = np.random.default_rng(2), OnlineLayer(lambda asset: (f"model:{asset}",))
    switched = []
    for day in range(7, 200):
        lessons = []
        for asset, shift in (("new", 2.5), ("old", 0.0)):
            logit = rng.normal(-3, 1, 20)
            label = rng.random(20) < expit(logit + shift)
            lessons += [
                Matured((day - 7) * DAY_MS, asset, *one)
                for one in zip(logit.tolist(), label.tolist(), strict=True)
            ]
        switched += [s.segment for s in layer.learn(lessons, day * DAY_MS, (day - 7) * DAY_MS)]
    assert switched[0] in ("model:new", "fleet")
    assert "model:old" not in switched
    assert layer.deciding("new").intercept - layer.deciding("old").intercept > 0.5
