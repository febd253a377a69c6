"""How often a model names the cause that the controller gives, beside naming the most frequent ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from models.event_time import DAY_MS
from models.risk.causes import cross_entropy, numbers_of
from models.telemetry.samples import Event, Float64, Int64
from models.telemetry.window_keys import WindowKeys

Moment = tuple[Event, int]


class Named(msgspec.Struct, frozen=True):
    """For how many ``outcomes`` the ``first`` cause was right, for how many one of the ``first_two``."""

    outcomes: int
    first: int
    first_two: int


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """What the causes are worth at one moment: ``when`` in words.

    ``usual`` names the most frequent causes of the training slice each time. Both log-losses are per outcome,
    that of ``usual`` with the training slice's shares.
    """

    when: str
    model: Named
    usual: Named
    by_cause: dict[str, Named]
    log_loss: float | None
    usual_log_loss: float | None


@dataclass(frozen=True, slots=True)
class Hints(WindowKeys):
    """Probabilities (n, K) of the ``codes`` at windows."""

    probability: Float64
    codes: tuple[str, ...]

    def before(self, event: Event, at_ms: int, reach_ms: float) -> int | None:
        """Return the newest window of the event's asset in (event − reach, at]; None if there is none."""
        rows = np.flatnonzero(
            (self.asset == self.assets.index(event.asset) if event.asset in self.assets else False)
            & (self.end_ms <= at_ms)
            & (self.end_ms > event.time_ms - reach_ms)
        )
        return int(rows[np.argmax(self.end_ms[rows])]) if len(rows) else None


def judge_naming(
    when: str, moments: Sequence[Moment], hints: Hints, taught: Mapping[str, int], horizon_d: float
) -> Naming:
    """Judge what was said at, or last before, each moment of an outcome that the controller gave a code for.

    ``taught`` counts the outcomes of the training slice by code.
    """
    found = [(e, hints.before(e, at_ms, horizon_d * DAY_MS)) for e, at_ms in moments if e.code]
    known = [(e.code, row) for e, row in found if row is not None]
    truth = numbers_of([code for code, _ in known], hints.codes)
    said = hints.probability[[row for _, row in known]].reshape(len(known), len(hints.codes))
    share = _usual(taught, hints.codes)
    usual = np.tile(share, (len(known), 1))
    learnt = truth >= 0
    return Naming(
        when=when,
        model=_named(said, truth),
        usual=_named(usual, truth),
        by_cause={
            code: _named(said[rows], truth[rows])
            for code in sorted({code for code, _ in known})
            if (rows := [i for i, (c, _) in enumerate(known) if c == code])
        },
        log_loss=cross_entropy(said[learnt], truth[learnt]) if learnt.any() else None,
        usual_log_loss=cross_entropy(usual[learnt], truth[learnt]) if learnt.any() else None,
    )


def _usual(taught: Mapping[str, int], codes: tuple[str, ...]) -> Float64:
    """Return (K,) the share of each class among the outcomes that were taught."""
    number = numbers_of(list(taught), codes)
    counts = np.zeros(len(codes))
    np.add.at(counts, number[number >= 0], np.array(list(taught.values()), float)[number >= 0])
    out: Float64 = counts / counts.sum()
    return out


def _named(probability: Float64, truth: Int64) -> Named:
    ranked = np.argsort(-probability, axis=1, kind="stable")
    hits = ranked == truth[:, None]
    return Named(len(truth), int(hits[:, 0].sum()), int(hits[:, :2].sum()))


def naming_figures(found: Sequence[Naming]) -> dict[str, float]:
    """Return the figures as flat metrics, ``cause_<figure>_<when>``."""
    out: dict[str, float] = {}
    for naming in found:
        when = naming.when.replace(" ", "_")
        for name, named in (("cause", naming.model), ("usual_cause", naming.usual)):
            if named.outcomes:
                out[f"{name}_first_{when}"] = named.first / named.outcomes
                out[f"{name}_first_two_{when}"] = named.first_two / named.outcomes
    return out
