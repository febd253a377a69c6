"""Simulated fleets of which something changes, as streams of a champion's daily log-odds and late labels.

The champion is learnt on other machines, of other models of chiller, before anything changes; from the truth
of the simulator nothing is taken. To be quick it looks at daily means: what each sensor reads beside what it
should read at that load and those water temperatures, over a week, and how that changed in a month.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from chillcast.shipped import find_file
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet, load_fleet
from models.fleet.inventory import Inventory
from models.risk.calibration import PlattScaling, fit_platt_scaling, log_odds
from models.telemetry.event_log import EventLog
from models.telemetry.labels import Bools, Labels, label
from models.telemetry.samples import Float64, Int64
from models.telemetry.window_keys import WindowKeys
from simulators.fleet.scenario import Scenario, load_scenario
from simulators.fleet.simulation import Simulation

SIGNALS = (
    "cond_approach", "cond_sat_temp", "evap_approach", "evap_sat_temp", "discharge_superheat", "subcooling",
    "oil_sump_temp", "oil_diff_pressure", "bearing_temp", "thrust_oil_temp", "winding_temp_a",
    "heatsink_temp", "cw_delta_temp", "chw_delta_temp",
)  # fmt: skip
DRIVERS = ("motor_load", "cw_entering_temp", "chw_leaving_temp")
COMMISSIONED_D, CHANGED_D, DAYS = 45, 150, 365
NEW_MODELS = "Z"
"""Models of chiller, by the beginning of their names, that the champion has never seen."""
_SITES, _LEAST_SHARE = 4, 1 / 6
_RECALIBRATED = {"evap_approach": 1.5, "discharge_superheat": 1.5, "thrust_oil_temp": 5.0}
_CENSOR = ("maintenance",)

Table = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """Daily means while running (D, A, K) of signals and drivers, NaN on a day of rest; and what happened."""

    daily: Table
    start_ms: int
    assets: tuple[str, ...]
    inventory: Inventory
    log: EventLog

    def attribute(self, key: str) -> list[str]:
        """Return what each machine is by an attribute."""
        return [self.inventory.machines[name][key] for name in self.assets]


@dataclass(frozen=True)
class Stream:
    """Windows of running machines, a day each, in order of time: ``log_odds`` (n,) of the champion; labels.

    ``touched`` (n,) are those of machines that the change touches.
    """

    name: str
    keys: WindowKeys
    log_odds: Float64
    labels: Labels
    inventory: Inventory
    log: EventLog
    changed_ms: int
    touched: Bools

    def segments_of(self, asset: str) -> tuple[str, ...]:
        """Return the segments that the online layer learns of."""
        known = self.inventory.machines[asset]
        return f"model:{known['model']}", f"site:{known['site']}"


def seen(fleet: Fleet, scenario: Scenario, prefix: str) -> Seen:
    """Simulate a fleet and keep its daily means."""
    simulation = Simulation(scenario, fleet)
    columns = [fleet.keys.index(key) for key in (*SIGNALS, *DRIVERS)]
    load = fleet.keys.index("motor_load")
    days, events = [], []
    for part in simulation.slices():
        values = part.samples.values.reshape(len(simulation.assets), -1, len(fleet.keys))
        runs = values[:, :, load] > fleet.running.above
        kept = np.where(runs[:, :, None], values[:, :, columns], np.float32(np.nan))
        with np.errstate(all="ignore"):
            mean = np.nansum(kept, axis=1) / np.isfinite(kept).sum(axis=1)
        days.append(np.where(runs.mean(axis=1)[:, None] >= _LEAST_SHARE, mean, np.nan).astype(np.float32))
        events += [replace(one, asset=prefix + one.asset) for one in part.events]
    known = {prefix + name: _placed(about) for name, about in simulation.inventory.machines.items()}
    assets = tuple(prefix + name for name in simulation.assets)
    return Seen(np.stack(days), scenario.range_ms[0], assets, Inventory(known), EventLog(events))


def _placed(about: dict[str, str]) -> dict[str, str]:
    group, _, plant = about["plant"].partition("-")
    return {"model": about["model"], "site": f"{(int(group) + int(plant)) % _SITES}"}


class Champion:
    """What each signal should read, and a LightGBM model of what it reads beside that."""

    def __init__(self, fleet: Fleet, learnt: Seen) -> None:
        self.horizon_d = fleet.alerting.horizon_d
        taught = _only(learnt, ~is_new(learnt))
        drivers = taught.daily[:, :, len(SIGNALS) :]
        self.surfaces = [_least_squares(_terms(drivers), taught.daily[:, :, i]) for i in range(len(SIGNALS))]
        residual = self._beside(taught.daily) - self.offsets(taught)
        self.scale = np.nanstd(residual, axis=(0, 1))
        keys, features = self.windows(taught, self.offsets(taught))
        labels = label(keys, taught.log, _end_ms(taught), _CENSOR)
        self._fit(keys, features, labels)

    def _fit(self, keys: WindowKeys, features: Table, labels: Labels) -> None:
        known, came = labels.known(self.horizon_d), labels.follows(self.horizon_d)
        half = keys.asset % 2 == 0
        parameters: dict[str, Any] = {
            "objective": "binary", "num_leaves": 15, "min_data_in_leaf": 60, "learning_rate": 0.05,
            "lambda_l2": 10.0, "feature_fraction": 0.5, "verbosity": -1, "num_threads": 1, "seed": 1,
            "deterministic": True,
        }  # fmt: skip
        rows = half & known
        self.booster = lgb.train(parameters, lgb.Dataset(features[rows], came[rows].astype(int)), 120)
        rows = ~half & known
        self.line = PlattScaling()
        self.line = fit_platt_scaling(self._risk(features[rows]), came[rows])

    def offsets(self, machines: Seen) -> Table:
        """Return (A, S) by how much each machine reads more than the fleet's surface in its first weeks."""
        first = self._beside(machines.daily[:COMMISSIONED_D])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of a machine that never ran
            return np.nan_to_num(np.nanmedian(first, axis=0)).astype(np.float32)

    def windows(self, machines: Seen, offsets: Table) -> tuple[WindowKeys, Table]:
        """Return the windows of days on which a machine ran, in order of time, and their features."""
        z = (self._beside(machines.daily) - offsets) / self.scale
        week, month = _faded(z, 7.0), _faded(z, 28.0)
        runs = np.isfinite(machines.daily[:, :, -1])
        runs[:COMMISSIONED_D] = False
        day, asset = np.nonzero(runs)
        features = np.concatenate([week, week - month, z], axis=2)[day, asset]
        end_ms: Int64 = machines.start_ms + (day + 1).astype(np.int64) * DAY_MS
        return WindowKeys(machines.assets, asset.astype(np.int32), end_ms), features

    def says(self, features: Table) -> Float64:
        """Return the calibrated log-odds (n,) of an outcome within the horizon."""
        return log_odds(self.line.apply(self._risk(features)))

    def _risk(self, features: Table) -> Float64:
        return np.asarray(self.booster.predict(features, num_threads=1), np.float64)

    def _beside(self, daily: Table) -> Table:
        terms = _terms(daily[:, :, len(SIGNALS) :])
        expected = np.stack([terms @ one for one in self.surfaces], axis=2)
        return (daily[:, :, : len(SIGNALS)] - expected).astype(np.float32)


def streams(seed: int, assets: int = 224, learnt_assets: int = 256) -> list[Stream]:
    """Return a stream in which nothing changes, and one for each change, on day ``CHANGED_D``."""
    fleet = load_fleet(find_file("chiller", "fleet"))
    steady = load_scenario(find_file("portfolio", "scenario"))
    taught = replace(steady, seed=seed, assets=learnt_assets, days=400, start=date(2022, 10, 1))
    watched = replace(steady, seed=seed + 1, assets=assets, days=DAYS, start=date(2023, 12, 1))
    hard_water = load_scenario(find_file("fouling-season", "scenario"))
    fouled = replace(watched, seed=seed + 2, faults=hard_water.faults, maintenance=hard_water.maintenance)
    champion = Champion(fleet, seen(fleet, taught, "T"))
    base, scaled = seen(fleet, watched, "A"), seen(fleet, fouled, "B")
    old, scaled_old = _only(base, ~is_new(base)), _only(scaled, ~is_new(scaled))
    strange = champion.offsets(base)
    strange[is_new(base)] = 0.0  # nobody has seen how these read in good health
    everyone = np.ones(len(scaled_old.assets), bool)
    return [
        _stream("nothing changes", champion, old, np.zeros(len(old.assets), bool)),
        _stream("a site is recalibrated", champion, _recalibrated(old), _at_site(old), champion.offsets(old)),
        _stream("a season of fouling", champion, scaled_old, everyone),
        _stream("a new model arrives", champion, _arriving(base), is_new(base), strange),
    ]


def is_new(machines: Seen) -> Bools:
    """Return (A,) which machines are of a model that the champion has never seen."""
    return np.array([model.startswith(NEW_MODELS) for model in machines.attribute("model")])


def _at_site(machines: Seen) -> Bools:
    return np.array([site == "0" for site in machines.attribute("site")])


def _stream(
    name: str, champion: Champion, machines: Seen, touched: Bools, offsets: Table | None = None
) -> Stream:
    keys, features = champion.windows(machines, champion.offsets(machines) if offsets is None else offsets)
    labels = label(keys, machines.log, _end_ms(machines), _CENSOR)
    changed_ms = machines.start_ms + CHANGED_D * DAY_MS
    about = machines.inventory, machines.log, changed_ms
    return Stream(name, keys, champion.says(features), labels, *about, touched[keys.asset])


def _recalibrated(machines: Seen) -> Seen:
    """Return the same machines, of which those of one site read more of some sensors from one day on."""
    daily = machines.daily.copy()
    for key, more in _RECALIBRATED.items():
        daily[CHANGED_D:, _at_site(machines), SIGNALS.index(key)] += np.float32(more)
    return replace(machines, daily=daily)


def _arriving(machines: Seen) -> Seen:
    """Return the same machines, of which the new ones send nothing before one day."""
    daily = machines.daily.copy()
    daily[:CHANGED_D, is_new(machines)] = np.nan
    return replace(machines, daily=daily)


def _only(machines: Seen, chosen: Bools) -> Seen:
    """Return some of the machines."""
    columns = np.flatnonzero(chosen)
    assets = tuple(machines.assets[i] for i in columns.tolist())
    log = EventLog(e for e in machines.log if e.asset in set(assets))
    known = Inventory({name: machines.inventory.machines[name] for name in assets})
    return Seen(machines.daily[:, columns], machines.start_ms, assets, known, log)


def _end_ms(machines: Seen) -> int:
    return machines.start_ms + len(machines.daily) * DAY_MS


def _terms(drivers: Table) -> Table:
    """Return (D, A, 10) terms of a quadratic surface."""
    x = (drivers - np.array([60.0, 25.0, 7.0], np.float32)) / np.array([20.0, 5.0, 2.0], np.float32)
    a, b, c = np.moveaxis(x, 2, 0)
    return np.stack([np.ones_like(a), a, b, c, a * a, b * b, c * c, a * b, a * c, b * c], axis=2)


def _least_squares(terms: Table, reading: Table) -> Table:
    """Fit a surface, every machine with a level of its own, and return it at the mean of the levels."""
    level_y, level_x = np.nanmean(reading, axis=0), np.nanmean(terms, axis=0)
    known = np.isfinite(reading) & np.isfinite(terms).all(axis=2) & np.isfinite(level_y)
    x, y = (terms - level_x)[known], (reading - level_y)[known]
    slope = np.linalg.lstsq(x[:, 1:], y, rcond=1e-6)[0]
    rest = reading[known] - terms[known][:, 1:] @ slope
    return np.concatenate([[np.mean(rest)], slope]).astype(np.float32)


def _faded(z: Table, days: float) -> Table:
    """Return exponentially weighted means over days of running, NaN before the first."""
    out, now, share = np.empty_like(z), np.full(z.shape[1:], np.nan, np.float32), np.float32(1 / days)
    for day, today in enumerate(z):
        moved = np.where(np.isnan(now), today, now + share * (today - now))
        now = np.where(np.isnan(today), now, moved)
        out[day] = now
    return out
