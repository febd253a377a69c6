"""How long a machine has until an outcome, by its risks: between which days it will most probably come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.telemetry.samples import Float64

COVERED = 0.8  # of the cases with an outcome: so many have it in their span
MIDDLE = (0.2, 0.8)  # of the risk, if nothing was learnt
_FEWEST = 9  # outcomes: with fewer even the whole time is no span that holds 80 %

_Share = Annotated[float, Meta(ge=0, le=1)]


class Span(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Between which shares of the risk over a case's time 80 % of the outcomes fell.

    ``outcomes`` counts those it was learnt from.
    """

    low: _Share
    high: _Share
    outcomes: Annotated[int, Meta(ge=_FEWEST)]

    @property
    def shares(self) -> tuple[float, float]:
        """Both of them."""
        return self.low, self.high


def learn_span(shares: Float64, weights: Float64) -> Span | None:
    """Learn a span from where (n,) outcomes fell, as `share_within` says; None if there are too few.

    ``weights`` add up to 1 for every outcome that is seen more than once. Split conformal prediction (Vovk et
    al. 2005): of ``k`` outcomes as many lie beyond either end as keep 80 % of ``k + 1`` inside, so that the
    next one falls into the span with a probability of 80 % or more, however wrong the risks are.

    >>> learn_span(np.arange(1, 20) / 20, np.ones(19)).shares
    (0.1, 0.9)
    """
    outcomes = round(float(weights.sum()))
    if outcomes < _FEWEST:
        return None
    beyond = (1 - COVERED) / 2 * (outcomes + 1)
    low, high = _innermost(shares, weights, beyond), -_innermost(-shares, weights, beyond)
    return Span(low=max(low, 0.0), high=min(high, 1.0), outcomes=outcomes)


def _innermost(values: Float64, weights: Float64, weight: float) -> float:
    """Return the highest value up to which no more than a weight lies, -inf if there is none."""
    order = np.argsort(values, kind="stable")
    there = np.flatnonzero(np.cumsum(weights[order]) <= weight + 1e-9)
    return float(values[order[there[-1]]]) if len(there) else -np.inf


def share_within(risks: Float64, horizons_d: Sequence[float], until_d: float, wait_d: float) -> float:
    """Return the share of the risk (H,) over ``until_d`` days that lies before an outcome after ``wait_d``.

    >>> round(share_within(np.array([0.0, 0.1, 0.5]), (1.0, 3.0, 7.0), 7.0, 5.0), 6)
    0.6
    """
    days, share = _distribution(risks, horizons_d, until_d)
    return float(np.interp(wait_d, days, share))


def expected_days(
    risks: Float64, horizons_d: Sequence[float], until_d: float, shares: tuple[float, float] = MIDDLE
) -> tuple[float, float]:
    """Return the days between which these shares of the risk (H,) over ``until_d`` days lie.

    Between two horizons the risk rises evenly; beyond the last the hazard of the last interval goes on.

    >>> expected_days(np.array([0.0, 0.1, 0.5]), (1.0, 3.0, 7.0), 7.0)
    (3.0, 6.0)
    """
    days, share = _distribution(risks, horizons_d, until_d)
    rising = share + np.arange(len(share)) * 1e-12
    soonest, latest = np.interp(shares, rising, days)
    return round(float(soonest), 6), round(float(latest), 6)


def _distribution(risks: Float64, horizons_d: Sequence[float], until_d: float) -> tuple[Float64, Float64]:
    """Return days (K,) from 0 to ``until_d``, and the share of the risk over these before each."""
    known = [h for h in horizons_d if h < until_d]
    beyond = np.arange(horizons_d[-1] + 1.0, until_d) if until_d > horizons_d[-1] else np.empty(0)
    days = np.concatenate([[0.0], known, beyond, [until_d]])
    risk = _risk_at(risks, np.array(horizons_d), days)
    return days, risk / max(float(risk[-1]), 1e-12)


def _risk_at(risks: Float64, horizons_d: Float64, days: Float64) -> Float64:
    """Return the risk of an outcome within each of ``days`` (K,)."""
    ends, risen = np.concatenate([[0.0], horizons_d]), np.concatenate([[0.0], risks])
    alive = np.maximum(1.0 - risen, 1e-12)
    rate = np.log(alive[-2] / alive[-1]) / (ends[-1] - ends[-2])
    over = 1.0 - alive[-1] * np.exp(-rate * (days - ends[-1]))
    out: Float64 = np.where(days > ends[-1], over, np.interp(days, ends, risen))
    return out


def case_days(
    risks: Float64, horizons_d: Sequence[float], alerting: Alerting, span: Span | None
) -> tuple[float, float]:
    """Return between which days a case of these risks (H,) says that the outcome will come.

    Without a learnt ``span`` it looks no further than the alerting horizon.
    """
    if span is None:
        return expected_days(risks, horizons_d, alerting.horizon_d)
    return expected_days(risks, horizons_d, alerting.case_ms / DAY_MS, span.shares)
