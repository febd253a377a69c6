"""The demonstration's machines stand at sites, of which its workers and numbers know nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from chillcast.demo.sites import shown_after, with_sites
from chillcast.resources import Resources
from chillcast.shipped import find_file
from models.fleet.fleet import load_fleet
from models.fleet.inventory import NOTHING, Inventory
from models.fleet.site_times import SiteTimes
from models.fleet.sites import Sites
from models.store.feature_store import FeatureStore
from simulators.fleet.scenario import load_scenario
from simulators.fleet.simulation import Simulation


@pytest.fixture(scope="module")
def simulated() -> Inventory:
    scenario = load_scenario(find_file("demo", "scenario"))
    return Simulation(scenario, load_fleet(find_file("chiller", "fleet"))).inventory


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features" / "chiller")


def test_every_machine_stands_at_one_of_four_sites_with_the_others_of_its_plant(simulated: Inventory) -> None:
    found = with_sites(simulated)
    sites, times = Sites(found), SiteTimes(found)
    assert (len(found.machines), len(sites.names)) == (100, 4)
    assert min(Counter(sites.of(asset) for asset in found.machines).values()) >= 15
    of_plants = {(known["plant"], known["site"], known["location"]) for known in found.machines.values()}
    assert len(of_plants) == len({known["plant"] for known in found.machines.values()})
    assert {str(times.zone(asset)) for asset in found.machines} == {
        *("Europe/Berlin", "Europe/London", "Europe/Paris", "Europe/Helsinki")
    }


def test_what_the_simulator_says_of_a_machine_stays_as_it_is(simulated: Inventory) -> None:
    found = with_sites(simulated)
    for asset, known in simulated.machines.items():
        assert known.items() <= found.machines[asset].items()


def test_a_machine_of_another_climate_has_no_site(simulated: Inventory) -> None:
    tropical = {**simulated.machines["CH-0001"], "climate": "tropical"}
    assert with_sites(Inventory({"CH-0001": tropical})) == NOTHING


def test_workers_are_not_told_of_it_neither_the_first_time_nor_the_next(
    tmp_path: Path, store: FeatureStore
) -> None:
    inventory = Inventory({"CH-0001": {"site": "Hamburg"}})
    for _ in range(2):
        with shown_after(store, inventory):
            assert Resources.open(home=str(tmp_path)).inventory == NOTHING
        assert Resources.open(home=str(tmp_path)).inventory == inventory
    assert len(store.inventory_files()) == 1


def test_what_somebody_else_had_told_of_machines_stays_for_workers_and_people(store: FeatureStore) -> None:
    own = Inventory({"CH-0001": {"team": "north"}})
    store.keep_inventory(own)
    with shown_after(store, Inventory({"CH-0001": {"site": "Hamburg"}})):
        assert store.read_inventory(store.inventory_files()[-1]) == own
    kept = store.read_inventory(store.inventory_files()[-1])
    assert kept.machines["CH-0001"] == {"team": "north", "site": "Hamburg"}


def test_a_run_that_fails_has_told_where_machines_stand_all_the_same(store: FeatureStore) -> None:
    inventory = Inventory({"CH-0001": {"site": "Hamburg"}})
    with pytest.raises(RuntimeError), shown_after(store, inventory):
        raise RuntimeError
    assert store.read_inventory(store.inventory_files()[-1]) == inventory
