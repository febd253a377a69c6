"""A simulated fleet as a forecast and its rivals look at it, with the truth beside it for judging alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.evaluation.baselines import day_columns, newest_columns, while_running
from models.features.expectation_fit import fit_expectation
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.learning.history import History
from models.telemetry.event_log import EventLog
from models.telemetry.labels import is_down
from models.telemetry.samples import Float32, Int64
from models.telemetry.window_keys import WindowKeys, join_keys
from simulators.fleet.scenario import Scenario
from simulators.fleet.simulation import Simulation
from simulators.truth import FaultRecord, ShutdownRecord

_FOREVER_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class Survey:
    """Windows of running machines: ``features`` (n, C) in ``columns`` of the vector, and what rivals look at.

    ``daily`` and ``newest`` (n, S) are means of a day, and of the shortest window while the machine ran.
    """

    keys: WindowKeys
    columns: Int64
    features: Float32
    daily: Float32
    newest: Float32
    log: EventLog
    shutdowns: tuple[ShutdownRecord, ...]
    faults: tuple[FaultRecord, ...]

    @property
    def span_ms(self) -> tuple[int, int]:
        """The ends of the first and the last window."""
        return int(self.keys.end_ms.min()), int(self.keys.end_ms.max())

    @property
    def places(self) -> dict[tuple[str, int], int]:
        """The row of each window, by machine and end."""
        names = self.keys.assets
        pairs = zip(self.keys.asset.tolist(), self.keys.end_ms.tolist(), strict=True)
        return {(names[asset], end_ms): i for i, (asset, end_ms) in enumerate(pairs)}


def survey(
    name: str, scenario: Scenario, fleet: Fleet, stride_s: int, advance: Callable[[float, str], None]
) -> Survey:
    """Simulate a fleet and look at its windows, each half-year against what the other days show.

    Machines are named ``<name>/<asset>``, so that several fleets can be put together. Windows of the first
    weeks, in which the longest window is not full, are left out.
    """
    fitted = fit_expectation(fleet, Simulation(scenario, fleet).delivered())
    simulation = Simulation(scenario, fleet)
    history = History(fleet, simulation.delivered(), *(fitted.parts if fitted else ()))
    seen = _look(history, fleet, stride_s, scenario.range_ms, advance)
    renamed = [replace(e, asset=f"{name}/{e.asset}") for e in history.events]
    return replace(
        seen,
        keys=WindowKeys(tuple(f"{name}/{a}" for a in history.assets), seen.keys.asset, seen.keys.end_ms),
        log=EventLog(renamed),
        shutdowns=tuple(replace(s, asset=f"{name}/{s.asset}") for s in simulation.shutdowns),
        faults=tuple(replace(f, asset=f"{name}/{f.asset}") for f in simulation.faults),
    )


def _columns(schema: FeatureSchema, fleet: Fleet) -> tuple[Int64, list[int], list[int]]:
    """Return where the features of the model stand, the means of a day, and the newest values."""
    places = {name: i for i, name in enumerate(schema.names)}
    daily, newest = ([places[n] for n in names] for names in (day_columns(schema), newest_columns(schema)))
    return schema.matching(fleet.training.features), daily, newest


def _look(
    history: History,
    fleet: Fleet,
    stride_s: int,
    span_ms: tuple[int, int],
    advance: Callable[[float, str], None],
) -> Survey:
    columns, daily, newest = _columns(history.schema, fleet)
    warm_ms = span_ms[0] + fleet.sampling.reach_s * 1000
    asset, end_ms, parts = [], [], list[tuple[Float32, Float32, Float32]]()
    for windows in history.until(_FOREVER_MS, stride_s):
        keys = history.keys(windows)
        rows = np.flatnonzero(keys.end_ms > warm_ms)
        values = windows.values[rows]
        asset.append(keys.asset[rows])
        end_ms.append(keys.end_ms[rows])
        parts.append((values[:, columns], values[:, daily], while_running(fleet, values[:, newest])))
        advance((int(windows.end_ms[-1]) - span_ms[0]) / (span_ms[1] - span_ms[0]), "")
    keys = WindowKeys(tuple(history.assets), np.concatenate(asset), np.concatenate(end_ms))
    log = EventLog(history.events)
    up = np.flatnonzero(~is_down(keys, log))
    found = [np.concatenate([part[i] for part in parts])[up] for i in range(3)]
    return Survey(keys.take(up), columns, found[0], found[1], found[2], log, (), ())


def join(surveys: Sequence[Survey]) -> Survey:
    """Return several fleets as one."""
    keys = join_keys([one.keys for one in surveys])
    return Survey(
        keys,
        surveys[0].columns,
        np.concatenate([one.features for one in surveys]),
        np.concatenate([one.daily for one in surveys]),
        np.concatenate([one.newest for one in surveys]),
        EventLog(e for one in surveys for e in one.log),
        tuple(s for one in surveys for s in one.shutdowns),
        tuple(f for one in surveys for f in one.faults),
    )


def under_way(faults: Sequence[FaultRecord], asset: str, time_ms: int) -> set[str]:
    """Return the kinds of gradual faults of a machine under way at a time; instruments' are not meant."""
    own = (f for f in faults if f.asset == asset and not f.is_of_instrument)
    return {f.kind for f in own if f.is_under_way(time_ms)}
