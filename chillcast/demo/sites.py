"""Where the machines of the demonstration stand: for people alone, since no simulated number knows of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from models.fleet.inventory import ZONE, Inventory
from models.store.feature_store import FeatureStore

_SITES = (
    ("Hamburg", "Europe/Berlin"),
    ("Leeds", "Europe/London"),
    ("Lyon", "Europe/Paris"),
    ("Tampere", "Europe/Helsinki"),
)
_CLIMATE = "temperate"
"""The sites lie in it; a machine of another climate has none."""


def with_sites(simulated: Inventory) -> Inventory:
    """Return what a simulated fleet is, and a site, a zone and a location for each of its plants."""
    plants = list(dict.fromkeys(known["plant"] for known in simulated.machines.values()))
    return Inventory(
        {
            asset: {**known, **_place(known["plant"], plants.index(known["plant"]) / len(plants))}
            for asset, known in simulated.machines.items()
            if known["climate"] == _CLIMATE
        }
    )


def _place(plant: str, share: float) -> dict[str, str]:
    """Return where a plant stands, of which so large a share of all plants comes before."""
    site, zone = _SITES[int(share * len(_SITES))]
    return {"site": site, ZONE: zone, "location": f"{site}, plant {plant}"}


@contextmanager
def shown_after(store: FeatureStore, inventory: Inventory) -> Iterator[None]:
    """Keep an inventory for who looks afterwards: workers, who would learn by its segments, see none."""
    for file in store.inventory_files()[-1:]:
        if store.read_inventory(file) == inventory:
            (store.folder / file).unlink()
    try:
        yield
    finally:
        store.keep_inventory(inventory)
