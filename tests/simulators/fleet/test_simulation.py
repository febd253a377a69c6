"""A simulated fleet, from its scenario to slices of telemetry, events and the truth behind them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ConfigError
from models.event_time import DAY_MS
from models.fleet.fleet import load_fleet
from models.telemetry.samples import Event, Float32, TimeSlice
from simulators.chiller.controller import SAFETY_CODES
from simulators.chiller.faults import SUDDEN
from simulators.chiller.machines import MODELS
from simulators.dirt.dirt import Dirt
from simulators.fleet import simulation
from simulators.fleet.scenario import Scenario, load_scenario, parse_scenario
from simulators.fleet.simulation import Simulation
from simulators.recordings.digest import Digest

FLEETS = Path(__file__).parents[3] / "fleets"
FLEET = load_fleet(FLEETS / "chiller.toml")
DEMO = load_scenario(FLEETS / "scenarios" / "demo.toml")
SUDDEN_CODES = {s.code for s in SUDDEN}


def variant(**changes: Any) -> Scenario:
    return replace(DEMO, **changes)


def column(values: Float32, key: str) -> Float32:
    return values[:, FLEET.keys.index(key)]


def fingerprint(slices: Iterator[TimeSlice]) -> list[tuple[bytes, bytes, bytes, tuple[Event, ...]]]:
    return [
        (s.samples.asset.tobytes(), s.samples.time_ms.tobytes(), s.samples.values.tobytes(), s.events)
        for s in slices
    ]


@pytest.fixture(scope="module")
def year() -> tuple[Simulation, list[Event], list[TimeSlice]]:
    """Run 128 chillers for a year; keep the events, and the telemetry of every 20th day."""
    run = Simulation(variant(assets=128, seed=5), FLEET)
    events: list[Event] = []
    kept: list[TimeSlice] = []
    for i, s in enumerate(run.slices()):
        events += s.events
        kept += [s] if i % 20 == 0 else []
    return run, events, kept


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    small = variant(assets=3, days=3)
    once = fingerprint(Simulation(small, FLEET).delivered())
    assert once == fingerprint(Simulation(small, FLEET).delivered())
    assert once != fingerprint(Simulation(variant(assets=3, days=3, seed=8), FLEET).delivered())


def test_a_longer_run_begins_with_the_shorter_one() -> None:
    longer = fingerprint(Simulation(variant(assets=3, days=4), FLEET).delivered())
    assert longer[:2] == fingerprint(Simulation(variant(assets=3, days=2), FLEET).delivered())


@pytest.mark.parametrize("assets", [3, 128])
def test_a_fleet_of_fewer_is_the_first_of_a_larger_one(assets: int) -> None:
    rates = dict.fromkeys(DEMO.faults, 20.0) | {"sensor_bias": 20.0}
    few, many = (variant(assets=n, days=5, dirt=Dirt(), faults=rates) for n in (assets, 130))
    fewer, larger = Simulation(few, FLEET), Simulation(many, FLEET)
    for part, whole in zip(fewer.slices(), larger.slices(), strict=True):
        np.testing.assert_array_equal(part.samples.values, whole.samples.values[: assets * 96])
        assert part.events == tuple(e for e in whole.events if e.asset in fewer.assets)
    assert fewer.faults == tuple(f for f in larger.faults if f.asset in fewer.assets)
    assert fewer.shutdowns == tuple(s for s in larger.shutdowns if s.asset in fewer.assets)
    assert fewer.inventory.machines.items() <= larger.inventory.machines.items()


@pytest.mark.parametrize("rows", [50 * 24, 1])
def test_a_day_that_is_cut_into_parts_is_the_same_day(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    scenario = variant(assets=50, days=3, faults=dict.fromkeys(DEMO.faults, 40.0))
    whole, cut = Digest(), Digest()
    for part in Simulation(scenario, FLEET).delivered():
        whole.add(part.in_order())
    monkeypatch.setattr(simulation, "_MOST_ROWS", rows)
    slices = list(Simulation(scenario, FLEET).delivered())
    for part in slices:
        cut.add(part.in_order())
    assert len(slices) == 3 * (24 if rows == 1 else 4)
    assert cut.hexdigest() == whole.hexdigest()
    assert all(p.start_ms <= e.time_ms < p.end_ms for p in slices for e in p.events)


def test_several_climates_have_machines_and_weather_of_their_own() -> None:
    cold, hot = (
        replace(DEMO.climates[0], name=name, wet_bulb_mean_c=c, weather_k=0.0)
        for name, c in (("cold", -5.0), ("hot", 17.0))
    )
    run = Simulation(variant(assets=60, days=2, climates=(cold, hot)), FLEET)
    days = np.concatenate([column(s.samples.values, "wet_bulb").reshape(60, -1) for s in run.slices()], 1)
    is_hot = np.array([m["climate"] == "hot" for m in run.inventory.machines.values()])
    assert 5 < is_hot.sum() < 55
    assert np.nanmean(days[is_hot]) - np.nanmean(days[~is_hot]) == pytest.approx(22.0, abs=1.5)


def test_sisters_are_alike_and_carry_the_load_of_one_that_is_locked_out() -> None:
    base = variant(assets=128, days=20, dirt=Dirt(), start=DEMO.start.replace(month=7))
    struck = replace(base, faults={"power": 20.0})
    run, calm = Simulation(struck, FLEET), Simulation(replace(base, faults={}), FLEET)
    known = list(run.inventory.machines.values())
    plants, taken = [m["plant"] for m in known], 0
    for part, sound in zip(run.slices(), calm.slices(), strict=True):
        loads = [column(s.samples.values, "motor_load").reshape(128, -1) for s in (part, sound)]
        out = column(part.samples.values, "safety_code").reshape(128, -1) > 0
        for down in np.flatnonzero(out.any(axis=1)):
            when = out[down] & (loads[1][down] > 30.0)
            mates = [
                i
                for i, plant in enumerate(plants)
                if plant == plants[down] and i != down and not out[i].any()
            ]
            more = (loads[0] - loads[1])[mates][:, when]
            taken += int(more.sum() > 20.0 * when.sum() > 0)
    assert taken > 5
    assert len({tuple(m.values()) for m in known}) == len(set(plants))


def test_a_slice_is_a_day_of_rows_by_asset_and_time_and_of_sorted_events(
    year: tuple[Simulation, list[Event], list[TimeSlice]],
) -> None:
    run, _, kept = year
    for s in kept:
        samples = s.samples
        assert samples.assets == run.assets
        assert s.end_ms - s.start_ms == 86_400_000
        assert ((samples.time_ms >= s.start_ms) & (samples.time_ms < s.end_ms)).all()
        key = samples.asset.astype(np.int64) * 10**14 + samples.time_ms
        assert (np.diff(key) > 0).all()
        assert samples.values.dtype == np.float32
        assert list(s.events) == sorted(s.events)
        assert all(s.start_ms <= e.time_ms < s.end_ms for e in s.events)


def test_every_published_value_is_within_its_sensors_plausible_range(
    year: tuple[Simulation, list[Event], list[TimeSlice]],
) -> None:
    for s in year[2]:
        low, high = np.array([(x.low, x.high) for x in FLEET.sensors], np.float32).T
        values = s.samples.values
        assert ((values >= low) & (values <= high) | np.isnan(values)).all()


def test_temperatures_seldom_reach_the_end_of_their_range(
    year: tuple[Simulation, list[Event], list[TimeSlice]],
) -> None:
    values = np.concatenate([s.samples.values for s in year[2]])
    for i, sensor in enumerate(FLEET.sensors):
        if sensor.unit in {"degC", "bar", "K"} and sensor.key != "oil_diff_pressure":
            at_end = (values[:, i] <= sensor.low) | (values[:, i] >= np.float32(sensor.high))
            assert at_end.mean() < 1e-3, sensor.key


def test_a_stopped_machine_draws_no_power_and_its_pressures_meet(
    year: tuple[Simulation, list[Event], list[TimeSlice]],
) -> None:
    values = np.concatenate([s.samples.values for s in year[2]])
    stopped = column(values, "run_state") == 0
    assert 0.1 < stopped.mean() < 0.6
    assert np.nanmax(column(values, "power_kw")[stopped]) < 5.0
    gap = column(values, "cond_pressure")[stopped] - column(values, "evap_pressure")[stopped]
    running = column(values, "cond_pressure")[~stopped] - column(values, "evap_pressure")[~stopped]
    assert np.nanmedian(gap) < 0.3 < np.nanmedian(running)


def test_shutdowns_come_at_the_rate_of_a_real_fleet_and_about_a_third_are_sudden(
    year: tuple[Simulation, list[Event], list[TimeSlice]],
) -> None:
    run, events, _ = year
    shutdowns = [e for e in events if e.kind == "shutdown"]
    assert 0.4 < len(shutdowns) / 128 < 1.1
    assert 0.2 < np.mean([s.is_sudden for s in run.shutdowns]) < 0.5
    assert len({e.code for e in shutdowns}) >= 6


def test_the_truth_explains_every_shutdown_in_the_log(
    year: tuple[Simulation, list[Event], list[TimeSlice]],
) -> None:
    run, events, _ = year
    logged = [(e.time_ms, e.asset, e.code) for e in events if e.kind == "shutdown"]
    assert logged == [(s.time_ms, s.asset, s.code) for s in run.shutdowns]
    for s in run.shutdowns:
        if s.is_sudden:
            assert s.code in SUDDEN_CODES
            assert not s.has_precursor
        elif s.cause:
            under_way = [f for f in run.faults if f.asset == s.asset and f.kind == s.cause]
            assert any(f.begin_ms <= s.time_ms for f in under_way)


def test_an_override_is_logged_when_it_begins_after_six_hours_without(
    year: tuple[Simulation, list[Event], list[TimeSlice]],
) -> None:
    last, gaps = dict[str, int](), list[int]()
    for event in (e for e in year[1] if e.kind == "override"):
        gaps += [event.time_ms - last[event.asset]] if event.asset in last else []
        last[event.asset] = event.time_ms
    assert len(gaps) > 50
    assert min(gaps) > 6 * 3_600_000


def test_the_truth_says_how_far_each_gradual_fault_had_come(
    year: tuple[Simulation, list[Event], list[TimeSlice]],
) -> None:
    run, _, _ = year
    gradual = [f for f in run.faults if not f.is_of_instrument]
    for fault in gradual:
        last_ms = fault.end_ms or run.scenario.range_ms[1]
        assert len(fault.severity) == 1 + -(-(last_ms - fault.begin_ms) // DAY_MS)
        assert list(fault.severity) == sorted(fault.severity)
    for trip in (s for s in run.shutdowns if s.has_precursor):
        before = np.array([trip.time_ms - 900_000])
        at = [f.severity_at(before)[0] for f in gradual if (f.asset, f.kind) == (trip.asset, trip.cause)]
        assert max(at) > 0.12


def test_some_faults_end_before_they_do_harm(year: tuple[Simulation, list[Event], list[TimeSlice]]) -> None:
    endings = [f.ended_by for f in year[0].faults if f.end_ms is not None]
    assert {"repair", "found", "service"} == set(endings)
    assert endings.count("repair") > 10
    assert endings.count("found") > 10


def test_a_machine_stays_down_between_a_shutdown_and_its_restart(
    year: tuple[Simulation, list[Event], list[TimeSlice]],
) -> None:
    _, events, kept = year
    checked = 0
    for down in (e for e in events if e.kind == "shutdown"):
        back = min(
            (e.time_ms for e in events if e.kind == "restart" and e.asset == down.asset and e > down),
            default=0,
        )
        for s in kept:
            samples = s.samples
            rows = (samples.asset == samples.assets.index(down.asset)) & (samples.time_ms >= down.time_ms)
            rows &= samples.time_ms < back
            checked += int(rows.sum())
            assert not np.nansum(column(samples.values, "run_state")[rows])
    assert checked > 0


def test_a_safety_code_shows_from_the_shutdown_to_the_reset_and_never_before(
    year: tuple[Simulation, list[Event], list[TimeSlice]],
) -> None:
    run, _, kept = year
    shown = 0
    for s in kept:
        code = column(s.samples.values, "safety_code")
        rows = np.flatnonzero(code > 0)
        shown += len(rows)
        assert not np.nansum(column(s.samples.values, "run_state")[rows])
        for row in rows:
            asset, now = s.samples.assets[s.samples.asset[row]], int(s.samples.time_ms[row])
            last = [x for x in run.shutdowns if x.asset == asset and x.time_ms <= now][-1]
            assert SAFETY_CODES[int(code[row]) - 1] == last.code
    assert shown


def test_repairs_take_half_a_day_in_the_median(year: tuple[Simulation, list[Event], list[TimeSlice]]) -> None:
    events = year[1]
    hours = []
    for down in (e for e in events if e.kind == "shutdown"):
        back = [
            e.time_ms
            for e in events
            if e.kind == "restart" and e.asset == down.asset and e.time_ms > down.time_ms
        ]
        hours += [(back[0] - down.time_ms) / 3.6e6] if back else []
    assert 9.0 < np.median(hours) < 18.0


def test_without_faults_the_hottest_months_bring_no_shutdown() -> None:
    calm = variant(assets=40, days=45, start=DEMO.start.replace(month=7), faults={}, seed=3)
    kinds = {e.kind for s in Simulation(calm, FLEET).delivered() for e in s.events}
    assert not kinds & {"shutdown", "cycling"}


@pytest.mark.parametrize(
    ("kind", "sensor", "sign"),
    [
        ("fouling", "cond_approach", 1),
        ("leak", "subcooling", -1),
        ("oil_filter", "oil_diff_pressure", -1),
        ("bearing", "bearing_temp", 1),
        ("strainer", "cw_flow", -1),
        ("evaporator_flow", "chw_flow", -1),
    ],
)
def test_a_gradual_fault_shows_in_its_sensor_days_before_the_shutdown(
    kind: str, sensor: str, sign: int
) -> None:
    """Compare three days before the shutdown with the same machine on the same day without the fault."""
    base = variant(assets=64, days=80, start=DEMO.start.replace(month=6), faults={kind: 6.0}, seed=11)
    run, sound = Simulation(base, FLEET), Simulation(replace(base, faults={}), FLEET).slices()
    faulty = np.array([_daily(s, sensor) for s in run.slices()])
    change = faulty - np.array([_daily(s, sensor) for s in sound])
    first_ms = run.scenario.clock.start_ms(0)
    before = [((s.time_ms - first_ms) // 86_400_000 - 3, run.assets.index(s.asset)) for s in run.shutdowns]
    assert len(before) >= 3
    assert np.sign(np.nanmedian([change[day, asset] for day, asset in before if day >= 0])) == sign


def test_telemetry_shows_nothing_of_a_fault_before_it_begins() -> None:
    base = variant(assets=128, days=20)
    run, sound = Simulation(base, FLEET), Simulation(replace(base, faults={}), FLEET).slices()
    telling = 0
    for faulty, same in zip(run.slices(), sound, strict=True):
        touched = {f.asset for f in run.faults} | {s.asset for s in run.shutdowns}
        known = run.inventory.machines
        plants = {known[asset]["plant"] for asset in touched}
        clean = np.array([m["plant"] not in plants for m in known.values()])
        rows, twins = clean[faulty.samples.asset], clean[same.samples.asset]
        np.testing.assert_array_equal(faulty.samples.values[rows], same.samples.values[twins])
        telling += int(rows.sum() < len(rows))
    assert telling


def _daily(s: TimeSlice, sensor: str) -> Float32:
    """Return the mean of a sensor over the running samples of one day, per asset."""
    samples = s.samples
    running = column(samples.values, "run_state") == 1
    out = np.full(len(samples.assets), np.nan, np.float32)
    for a in range(len(samples.assets)):
        rows = running & (samples.asset == a)
        if rows.any():
            out[a] = np.nanmean(column(samples.values, sensor)[rows])
    return out


def test_a_sampling_period_other_than_the_fleets_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"demo: period_s = 1800: expected sampling\.period_s of fleet chiller, 900"
    ):
        Simulation(variant(period_s=1800), FLEET).delivered()


def test_a_fleet_file_may_list_fewer_sensors() -> None:
    chosen = [FLEET.sensors[FLEET.keys.index(key)] for key in ("run_state", "cond_pressure")]
    fewer = replace(FLEET, sensors=tuple(chosen))
    (s,) = Simulation(variant(assets=2, days=1), fewer).delivered()
    assert s.samples.values.shape[1] == 2
    assert set(np.unique(s.samples.values[:, 0][np.isfinite(s.samples.values[:, 0])])) <= {0.0, 1.0}


def test_a_scenario_with_other_rates_climate_and_noise_works_the_same() -> None:
    raw = {
        "name": "tropics", "assets": 6, "days": 40, "start": "2026-02-01", "seed": 4,
        "period_s": 900, "noise": 3.0,
        "nuisance_warnings": 0.0,
        "climates": [
            {"name": "tropics", "share": 0.8, "wet_bulb_mean_c": 24.0, "season_k": 1.0, "day_k": 2.0,
             "weather_k": 1.0, "hottest_day": 30},
            {"name": "highland", "share": 0.2, "wet_bulb_mean_c": 14.0, "season_k": 1.0, "day_k": 3.0,
             "weather_k": 1.0, "hottest_day": 30},
        ],
        "faults": {"strainer": 9.0, "power": 9.0, "sensor_bias": 9.0, "sensor_dropout": 9.0},
        "maintenance": {"found_share": 0.0, "repair_median_h": 30.0, "repair_spread": 0.0},
    }  # fmt: skip
    scenario = parse_scenario(raw, "tropics.toml")
    run = Simulation(scenario, FLEET)
    once = fingerprint(run.slices())
    assert once == fingerprint(Simulation(scenario, FLEET).delivered())
    events = [e for *_, log in once for e in log]
    assert {e.code for e in events if e.kind == "shutdown"} >= {"power-loss"}
    assert {f.kind for f in run.faults} == {"strainer", "sensor_bias", "sensor_dropout"}
    downs = {(e.asset, e.code): e.time_ms for e in events if e.kind == "shutdown"}
    backs = [e for e in events if e.kind == "restart" and e.time_ms - downs[e.asset, e.code] > 0]
    assert all(e.time_ms - downs[e.asset, e.code] == 30 * 3_600_000 for e in backs)


def test_the_inventory_is_what_the_nameplates_say(
    year: tuple[Simulation, list[Event], list[TimeSlice]],
) -> None:
    run, _, _ = year
    known = run.inventory.machines
    assert tuple(known) == run.assets
    assert {m["model"] for m in known.values()} <= {m.name for m in MODELS}
    drives = {name: m["drive"] for name, m in known.items()}
    driven = {name for name, drive in drives.items() if drive == "variable speed"}
    assert driven == {name for name, m in known.items() if m["model"][0] == "V" or m["model"][:2] == "ZV"}
