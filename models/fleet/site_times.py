"""Times as the people of a site say them: in the zone of the machine's site, UTC if nobody told it."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from models.errors import ConfigError
from models.fleet.inventory import Inventory
from models.fleet.zones import instead_of, is_zone, zone_of

ZONE = "timezone"
"""The attribute of the inventory that names the zone of a machine."""


class SiteTimes:
    """Says and reads times by the attribute ``timezone`` of an inventory."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory, self._machines = inventory, inventory.machines

    def zone(self, asset: str) -> tzinfo:
        """Return the zone of a machine; ConfigError names one that the inventory has and nobody knows."""
        name = self._machines.get(asset, {}).get(ZONE)
        if name is None:
            return UTC
        if not is_zone(name):
            raise ConfigError("inventory", f"{ZONE} of {asset}", name, instead_of(name))
        return zone_of(name)

    def said(self, asset: str, time_ms: int) -> str:
        """Say a moment to the minute, with its zone.

        >>> SiteTimes(Inventory({"a": {"timezone": "Europe/Berlin"}})).said("a", 1_735_689_600_000)
        '2025-01-01 01:00 CET'
        """
        return self._local(asset, time_ms).strftime("%Y-%m-%d %H:%M %Z")

    def date(self, asset: str, time_ms: int) -> str:
        """Say the day of a moment."""
        return self._local(asset, time_ms).strftime("%Y-%m-%d")

    def iso(self, asset: str, time_ms: int) -> str:
        """Say a moment as ISO 8601 with its offset, for other programs."""
        return self._local(asset, time_ms).isoformat(timespec="seconds")

    def read(self, asset: str, text: str) -> int:
        """Return the moment of a date or time; one without an offset is the site's own. ValueError if none.

        >>> SiteTimes(Inventory({"a": {"timezone": "Europe/Berlin"}})).read("a", "2025-01-01")
        1735686000000
        """
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone(asset))
        return int(moment.timestamp() * 1000)

    def _local(self, asset: str, time_ms: int) -> datetime:
        return datetime.fromtimestamp(time_ms / 1000, self.zone(asset))
