"""Recall against alarms: what each contender would give at any budget."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from chillcast.skill.contenders import Contender
from chillcast.skill.judgement import at_threshold, foreseen
from chillcast.skill.survey import Survey
from models.evaluation.metrics import share
from models.fleet.fleet import Fleet

_SHARES = np.geomspace(0.25, 0.0005, 14)  # of the risks lie above a threshold that is tried
_MOST_ALARMS = 4.0


class TradeOff(msgspec.Struct, frozen=True, kw_only=True):
    """What one threshold of a contender comes to on the judged fleets; alarms are per machine-year."""

    policy: str
    recall_foreseeable: float | None
    share_3d: float | None
    false_alarms: float
    unexplained_alarms: float


def trade_off(fleet: Fleet, contenders: Sequence[Contender], judge: Survey) -> list[TradeOff]:
    """Return a point per contender and threshold, from few alarms to many."""
    points = []
    for contender in contenders:
        for threshold in np.unique(np.quantile(contender.judge.risk, 1 - _SHARES))[::-1].tolist():
            report = at_threshold(contender.judge, threshold, fleet.alerting, judge)
            found = foreseen(report, judge)
            points.append(
                TradeOff(
                    policy=contender.name,
                    recall_foreseeable=share(len(found.announced), found.total),
                    share_3d=share(found.early, found.total),
                    false_alarms=report.false_alarms_per_asset_year,
                    unexplained_alarms=report.unexplained_per_asset_year,
                )
            )
            if report.unexplained_per_asset_year > _MOST_ALARMS:
                break
    return points
