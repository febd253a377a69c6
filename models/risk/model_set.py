"""A model set: the model of a fleet, and those of its segments; which one scores a machine.

A model alone is a set without segments: every machine is scored on the level of the fleet.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from models.fleet.inventory import FLEET
from models.risk.calibration import PlattScaling
from models.risk.hazard import RiskModel
from models.risk.pack import Pack, PackEntry, Recent
from models.telemetry.samples import Float32, Float64, Int32, Int64

MEMORY_BYTES = 256 * 1024 * 1024
_NAMED = 20


class Segment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A segment in the training slice: its machines, labelled windows and outcomes.

    ``why`` it has no model of its own; empty if it has one.
    """

    name: str
    machines: int
    instances: int
    failures: int
    why: str = ""


class Index(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a set knows of its segments.

    ``levels`` are the attributes by which it is divided, the finest first, without the fleet; ``members`` the
    models by segment; ``routes`` say which of them scores a machine, if that is not the fleet's; ``lines``
    hold the calibration of each level, (slope, intercept) per horizon; ``segments`` say how that came about,
    ``unassigned`` how many machines have no segment on the first level. Members may ``correct_fleet``: their
    log-odds add to those of the fleet's model.
    """

    levels: tuple[str, ...]
    members: dict[str, PackEntry]
    routes: dict[str, str]
    lines: dict[str, tuple[tuple[float, float], ...]] = {}
    segments: tuple[Segment, ...] = ()
    unassigned: int = 0
    correct_fleet: bool = False


NO_SEGMENTS = Index(levels=(), members={}, routes={})


def level_of(member: str) -> str:
    """Return the level of a member of a set.

    >>> level_of("model:C-350"), level_of("fleet")
    ('model', 'fleet')
    """
    return member.partition(":")[0]


@dataclass(frozen=True)
class ModelSet:
    """Scores windows of any machine; members share features, columns, horizons and threshold with ``fleet``.

    Boosters are loaded from the ``pack`` when they are needed, and held as long as ``recent`` has room.
    """

    fleet: RiskModel
    index: Index = NO_SEGMENTS
    pack: Pack | None = None
    recent: Recent = field(default_factory=lambda: Recent(MEMORY_BYTES), compare=False)

    def scored_by(self, assets: Sequence[str]) -> tuple[str, ...]:
        """Return the member that scores each machine; a machine it does not know is the fleet's."""
        routes = self.index.routes
        return tuple(routes.get(name, FLEET) for name in assets)

    def model_for(self, asset: str) -> RiskModel:
        """Return the model that scores a machine."""
        return self.member(self.index.routes.get(asset, FLEET))

    def member(self, name: str) -> RiskModel:
        """Return a member by its name: that of a segment, or ``fleet``."""
        if name == FLEET or self.pack is None:
            return self.fleet
        booster = self.recent.booster(self.pack, name)
        base = self.fleet if self.index.correct_fleet else None
        offset = self.index.members[name].offset
        return replace(self._on(level_of(name)), booster=booster, offset=offset, base=base)

    def score(self, assets: Sequence[str], asset: Int32, features: Float32) -> Float64:
        """Return (n, H) calibrated risks of (n, F) windows of the machines ``asset`` (n,) in ``assets``."""
        return self.calibrated(assets, asset, self.uncalibrated(assets, asset, features))

    def uncalibrated(self, assets: Sequence[str], asset: Int32, features: Float32) -> Float64:
        """Return (n, H) risks as the hazards alone give them."""
        return self.of_columns(assets, asset, features[:, self.fleet.columns])

    def of_columns(self, assets: Sequence[str], asset: Int32, picked: Float32) -> Float64:
        """Return the uncalibrated risks where (n, C) holds the models' columns only."""
        out = np.empty((len(picked), len(self.fleet.horizons_d)))
        for name, rows in _parts(self.scored_by(assets), asset):
            out[rows] = self.member(name).of_columns(picked[rows])
        return out

    def calibrated(self, assets: Sequence[str], asset: Int32, risks: Float64) -> Float64:
        """Return (n, H) risks with the lines of each machine's level applied."""
        out = np.empty_like(risks)
        for level, rows in _parts([level_of(name) for name in self.scored_by(assets)], asset):
            out[rows] = self._on(level).calibrated(risks[rows])
        return out

    def _on(self, level: str) -> RiskModel:
        """Return the fleet's model with the calibration of a level."""
        lines = self.index.lines.get(level)
        if level == FLEET or lines is None:
            return self.fleet
        return replace(self.fleet, lines=tuple(PlattScaling(*line) for line in lines))


def summary(index: Index) -> dict[str, Any]:
    """Return how many segments of each level have a model, who scores the machines, and why others have none.

    Of the segments without a model those with most windows are named.
    """
    return {
        level: {
            "trained": sum(not s.why for s in index.segments if level_of(s.name) == level),
            "not_trained": dict(_reasons(index, level)),
            "machines_scored": sum(level_of(name) == level for name in index.routes.values()),
            "without": [f"{s.name}: {s.why}" for s in _largest(index, level)],
        }
        for level in index.levels
    }


def counts(index: Index) -> dict[str, float]:
    """Return how many segments of each level have a model, and the machines that it scores, as metrics."""
    told = summary(index)
    trained = {f"segments_trained/{level}": float(found["trained"]) for level, found in told.items()}
    scored = {f"machines_scored/{level}": float(found["machines_scored"]) for level, found in told.items()}
    return trained | scored


def _reasons(index: Index, level: str) -> Counter[str]:
    """Count the reasons, without their numbers: too few instances, too few failures."""
    untrained = (s.why for s in index.segments if s.why and level_of(s.name) == level)
    return Counter(re.sub(r"^\d+ (\w+):.*", r"too few \1", why) for why in untrained)


def _largest(index: Index, level: str) -> list[Segment]:
    untrained = [s for s in index.segments if s.why and level_of(s.name) == level]
    return sorted(untrained, key=lambda s: (-s.instances, s.name))[:_NAMED]


def _parts(names: Sequence[str], asset: Int32) -> Iterator[tuple[str, Int64]]:
    """Yield each name with the rows of the machines that have it."""
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    if len(number) == 1:
        yield next(iter(number)), np.arange(len(asset))
        return
    of_row = np.array([number[name] for name in names], np.int64)[asset]
    order = np.argsort(of_row, kind="stable")
    ends = np.searchsorted(of_row[order], np.arange(len(number)), side="right")
    for name, low, high in zip(number, [0, *ends], ends, strict=False):
        if high > low:
            yield name, order[low:high]
