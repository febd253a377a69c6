"""The picture shows the machine that was asked for, and what its fault moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chillcast.simulation.life import chosen, draw, life_of, moved_most
from models.errors import ConfigError
from models.fleet.fleet import load_fleet
from simulators.fleet.scenario import load_scenario
from simulators.fleet.simulation import Simulation
from simulators.truth import FaultRecord

FLEETS = Path(__file__).parents[3] / "fleets"
FLEET = load_fleet(FLEETS / "chiller.toml")
DEMO = load_scenario(FLEETS / "scenarios" / "demo.toml")


def test_the_machine_whose_shutdown_took_longest_is_drawn_unless_one_is_named() -> None:
    faults = [FaultRecord("b", "leak", 0, 10, "repair"), FaultRecord("c", "leak", 0, 90, "found")]
    assert chosen(None, ["a", "b", "c"], faults) == "b"
    assert chosen(None, ["a", "b"], []) == "a"
    assert chosen("c", ["a", "b", "c"], faults) == "c"
    with pytest.raises(ConfigError, match=r"--asset = 'z': expected a to c"):
        chosen("z", ["a", "b", "c"], faults)


def test_the_sensors_of_the_fault_are_drawn(tmp_path: Path) -> None:
    start = DEMO.start.replace(month=6)
    scenario = replace(DEMO, assets=16, days=90, start=start, faults={"bearing": 8.0}, seed=3)
    run = Simulation(scenario, FLEET)
    slices = list(run.delivered())
    asset = chosen(None, run.assets, run.faults)
    life = life_of(asset, slices, run.faults)
    assert "bearing_temp" in [FLEET.keys[i] for i in moved_most(life, FLEET)]
    draw(life, FLEET, tmp_path / "new" / "life.png")
    assert (tmp_path / "new" / "life.png").read_bytes().startswith(b"\x89PNG")
