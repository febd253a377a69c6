"""On how much a score stands: the share of what a model looks at that has a value in a window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from models.features.channels import channels_of, indexed, levels, residual_groups
from models.features.schema import FeatureSchema, window_name
from models.fleet.fleet import Fleet
from models.fleet.knowledge import Running
from models.telemetry.samples import Float32, Float64, Int64

_WHOLE = 1_000_000  # weights are whole numbers, whose sums are exact in any order

Points = frozenset[str]


def seen_columns(schema: FeatureSchema) -> Int64:
    """Return (V,) the features that tell which points were seen: means of a day and of the longest window."""
    return np.array(
        [schema.index(key, w, "mean") for w in _windows(schema.fleet) for key in schema.fleet.point_keys],
        np.int64,
    )


def running_column(schema: FeatureSchema, rule: Running) -> int:
    """Return the feature by which a fleet's rule tells that a machine runs: of the shortest window."""
    return schema.index(rule.sensor, schema.windows[0], "mean")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Tells of windows, by what was seen of ``columns`` (V,) of the vector, on how much their scores stand.

    What a model looks at falls into S parts, each of which ``needs`` (S, V) all of some points and has one of
    the ``weights`` (S,), whole numbers.
    """

    columns: Int64
    needs: Float32
    weights: Float64

    @classmethod
    def from_gains(cls, schema: FeatureSchema, gains: Float64) -> Evidence:
        """Weigh what each feature needs by its gain (F,) in a model.

        A feature of a day or less needs its points within a day, any other within the longest of
        ``windows_s``. What is told by several residuals is split evenly among them.
        """
        fleet, needs = schema.fleet, _needs(schema.fleet)
        first = len(fleet.point_keys) * (len(_windows(fleet)) - 1)
        weights: dict[tuple[Points, int], float] = {}
        for name, gain in zip(schema.names, gains.tolist(), strict=True):
            channel, window, _ = name.split(".")
            at = 0 if window.partition("-")[0] in _short(fleet) else first
            parts = needs[channel]
            for points in parts if gain > 0 else ():
                weights[points, at] = weights.get((points, at), 0.0) + gain / len(parts)
        number = {key: i for i, key in enumerate(fleet.point_keys)}
        table = np.zeros((len(weights), len(seen_columns(schema))), np.float32)
        for i, (points, at) in enumerate(weights):
            table[i, [at + number[key] for key in points]] = 1.0
        whole = np.array(list(weights.values())) / sum(weights.values())
        return cls(seen_columns(schema), table, np.floor(_WHOLE * whole))

    def of(self, values: Float32) -> Float64:
        """Return (n,) for feature vectors (n, F) the share, 0 to 1, of the weights that has a value."""
        return self.of_columns(values[:, self.columns])

    def of_columns(self, picked: Float32) -> Float64:
        """Return (n,) the same of (n, V), which holds the ``columns`` only."""
        unseen = np.isnan(picked).astype(np.float32)
        there = unseen @ self.needs.T == 0
        out: Float64 = (there @ self.weights) / self.weights.sum()
        return out


def _windows(fleet: Fleet) -> tuple[str, ...]:
    """Return the windows in which points are looked for: a day, and the longest if that is another."""
    lengths_s = fleet.sampling.recent_s, fleet.sampling.windows_s[-1]
    return tuple(window_name(s) for s in dict.fromkeys(lengths_s))


def _short(fleet: Fleet) -> set[str]:
    return {window_name(s) for s in fleet.sampling.windows_s if s <= fleet.sampling.recent_s}


def _needs(fleet: Fleet) -> Mapping[str, list[Points]]:
    """Return by channel the points that its parts need: most have one part, some a part for each residual."""
    out = {key: [frozenset([key])] for key in fleet.point_keys}
    if not fleet.expectation:
        return out
    residuals = dict(_residual_needs(fleet))
    computed = channels_of(fleet)
    own = {key: residuals.get(key, frozenset([key])) for key in fleet.point_keys}
    out |= {f"{key}_residual": [needs] for key, needs in residuals.items()}
    out["strongest_residual"] = list(residuals.values())
    out |= {
        f"{name}_margin": [own[rule.sensor]]
        for name, rule in zip(computed.margins, fleet.rules, strict=False)
    }
    out |= {
        f"{name}_index": [residuals[key] for key in advice.sensors if key in residuals]
        for name, advice in zip(computed.indices, indexed(fleet), strict=True)
    }
    out["nearest_trip"] = [frozenset([rule.sensor]) for rule in levels(fleet)]
    out |= {f"running_{key}": [frozenset([key])] for key in computed.context}
    out["standing"] = [frozenset(computed.context[:1])]
    return out


def _residual_needs(fleet: Fleet) -> Iterator[tuple[str, Points]]:
    """Yield each point with an expectation, and what it needs: drivers, and what tells that it runs."""
    running = [fleet.running.sensor] if fleet.running else []
    for group, _ in residual_groups(fleet):
        for key in group.sensors:
            yield key, frozenset([key, *group.drivers, *running])
