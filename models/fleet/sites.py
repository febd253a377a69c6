"""The sites of a fleet: where machines stand, as the inventory has it."""

from __future__ import annotations

from models.fleet.inventory import Inventory

SITE_KEYS = ("site", "plant", "building")
"""Attributes of the inventory that say where a machine stands: the first that there is."""


class Sites:
    """Says where machines stand, and which stand at a site."""

    def __init__(self, inventory: Inventory) -> None:
        self._machines = inventory.machines
        self.key = next((key for key in SITE_KEYS if key in inventory.keys), SITE_KEYS[0])

    @property
    def names(self) -> tuple[str, ...]:
        """Every site, in order."""
        return tuple(sorted({known[self.key] for known in self._machines.values() if self.key in known}))

    def of(self, asset: str) -> str:
        """Return where a machine stands, empty if nobody told it.

        >>> Sites(Inventory({"a": {"plant": "Hamburg"}})).of("a")
        'Hamburg'
        """
        return self._machines.get(asset, {}).get(self.key, "")

    def machines(self, site: str) -> list[str]:
        """Return the machines of a site, in order; none if there is no such site."""
        return sorted(asset for asset in self._machines if site and self.of(asset) == site)
