"""What a report draws of a model."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Rectangle

from chillcast.training.model_report import draw_lead
from models.alerting.cases import RiskSeries
from models.evaluation.backtest import Backtest
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event

ALERTING = Alerting(horizon_d=7.0, case_d=30.0, raise_count=1, raise_among=1)


def test_an_outcome_that_was_announced_longer_ahead_than_the_label_looks_is_drawn() -> None:
    days = np.arange(40)
    series = RiskSeries(["a"], np.zeros(40, np.int32), days * DAY_MS, np.where(days < 5, 0.1, 0.9))
    log = EventLog([Event(30 * DAY_MS, "a", "shutdown")])
    model = Backtest(ALERTING, log, (0, DAY_MS), (0, 40 * DAY_MS)).judge("model", "", series, threshold=0.5)
    assert model.lead_days == (25.0,)
    (axes,) = draw_lead(model, ALERTING).axes
    assert sum(bar.get_height() for bar in axes.patches if isinstance(bar, Rectangle)) == 1
    assert axes.get_xlim()[1] == 31
