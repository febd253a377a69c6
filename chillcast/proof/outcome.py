"""What the policies came to: a row for each, and one for each assumption that is swept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from chillcast.proof.estimates import Estimate, Weights, estimate, less, ratio
from chillcast.proof.tally import Count
from models.telemetry.samples import Float64

NONE, OWN = "no alerts", "chillcast"
TWO_THIRDS = 2 / 3
Tallies = Mapping[str, Sequence[Float64]]


class PolicyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One policy; hours, stops, visits and repairs are per machine-year, each with the middle 90 % of it.

    ``mttr_h`` is from a stop until the machine runs again, ``repair_h`` how long it stands for a repair,
    planned or not. What is ``less`` is a share of what there is without alerts. ``bounded_less`` is what is
    left of ``less_unplanned`` if all that the undisturbed run cannot tell turns out badly. The last are the
    price of an avoided hour of unplanned downtime.
    """

    policy: str
    unplanned_h: Estimate
    stops: Estimate
    mttr_h: Estimate
    repair_h: Estimate
    planned_h: Estimate
    crew_h: Estimate
    visits: Estimate
    empty_visits: Estimate
    averted: Estimate
    less_unplanned: Estimate
    less_foreseeable: Estimate
    less_stops: Estimate
    less_mttr: Estimate
    less_repair: Estimate
    bounded_less: Estimate
    visits_per_avoided_h: Estimate
    crew_h_per_avoided_h: Estimate


class SweepRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the reductions are with other assumptions; ``changed`` are those, by name, as numbers."""

    name: str
    changed: dict[str, float]
    less_unplanned: Estimate
    less_repair: Estimate
    less_mttr: Estimate
    rules_less_unplanned: Estimate
    oracle_less_unplanned: Estimate
    crew_h_per_avoided_h: Estimate

    @property
    def reaches_two_thirds(self) -> bool:
        """Whether unplanned downtime falls by two thirds or more."""
        return (self.less_unplanned.value or 0.0) >= TWO_THIRDS

    @property
    def is_worse_than_rules(self) -> bool:
        """Whether the rules avert more."""
        return (self.rules_less_unplanned.value or 0.0) > (self.less_unplanned.value or 0.0)


def policy_rows(found: Tallies, weights: Weights) -> list[PolicyRow]:
    """Return a row for each policy."""
    sums = {name: weights.sums(own) for name, own in found.items()}
    return [_policy_row(name, own, sums[NONE]) for name, own in sums.items()]


def _policy_row(name: str, own: Float64, none: Float64) -> PolicyRow:
    def a_year(column: Count) -> Estimate:
        return ratio(own[:, column], own[:, Count.YEARS])

    def less_a_year(column: Count) -> Estimate:
        return less(own, none, column, Count.YEARS)

    return PolicyRow(
        policy=name,
        unplanned_h=a_year(Count.UNPLANNED_H),
        stops=a_year(Count.STOPS),
        mttr_h=ratio(own[:, Count.UNPLANNED_H], own[:, Count.STOPS]),
        repair_h=ratio(own[:, Count.STOOD_H], own[:, Count.STOOD]),
        planned_h=a_year(Count.PLANNED_H),
        crew_h=a_year(Count.CREW_H),
        visits=a_year(Count.VISITS),
        empty_visits=a_year(Count.EMPTY),
        averted=a_year(Count.AVERTED),
        less_unplanned=less_a_year(Count.UNPLANNED_H),
        less_foreseeable=less_a_year(Count.FORESEEABLE_H),
        less_stops=less_a_year(Count.STOPS),
        less_mttr=less(own, none, Count.UNPLANNED_H, Count.STOPS),
        less_repair=less(own, none, Count.STOOD_H, Count.STOOD),
        bounded_less=_bounded(own, none),
        visits_per_avoided_h=_price(own, none, Count.VISITS),
        crew_h_per_avoided_h=_price(own, none, Count.CREW_H),
    )


def sweep_row(name: str, changed: dict[str, float], found: Tallies, weights: Weights) -> SweepRow:
    """Return the row of one set of assumptions."""
    sums = {policy: weights.sums(own) for policy, own in found.items()}
    own, none = sums[OWN], sums[NONE]
    return SweepRow(
        name=name,
        changed=changed,
        less_unplanned=less(own, none, Count.UNPLANNED_H, Count.YEARS),
        less_repair=less(own, none, Count.STOOD_H, Count.STOOD),
        less_mttr=less(own, none, Count.UNPLANNED_H, Count.STOPS),
        rules_less_unplanned=less(sums["rules"], none, Count.UNPLANNED_H, Count.YEARS),
        oracle_less_unplanned=less(sums["oracle"], none, Count.UNPLANNED_H, Count.YEARS),
        crew_h_per_avoided_h=_price(own, none, Count.CREW_H),
    )


def foreseeable_share(found: Tallies, weights: Weights) -> Estimate:
    """Return which share of the unplanned downtime without alerts is of stops that a gradual fault led to."""
    none = weights.sums(found[NONE])
    return ratio(none[:, Count.FORESEEABLE_H], none[:, Count.UNPLANNED_H])


def _price(own: Float64, none: Float64, column: Count) -> Estimate:
    """Return what more of a column there was for each hour less of unplanned downtime."""
    return ratio(own[:, column] - none[:, column], none[:, Count.UNPLANNED_H] - own[:, Count.UNPLANNED_H])


def _bounded(own: Float64, none: Float64) -> Estimate:
    """Return the reduction if every stop that could have come more did, as long as the others."""
    more = own[:, Count.LEFT_OVER] + own[:, Count.RETURNED]
    with np.errstate(divide="ignore", invalid="ignore"):
        hours = more * none[:, Count.UNPLANNED_H] / none[:, Count.STOPS]
        return estimate(1 - (own[:, Count.UNPLANNED_H] + hours) / none[:, Count.UNPLANNED_H])
