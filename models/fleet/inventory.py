"""The inventory: what each machine of a fleet is, beside what it measures: its model, its site, and so on."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from models.errors import ConfigError
from models.fleet.fleet import Fleet
from models.fleet.zones import instead_of, is_zone

ASSET, FLEET = "asset", "fleet"
ZONE = "timezone"
"""The attribute that names the zone of a machine."""
_KEY, _LONGEST = re.compile(r"[a-z][a-z0-9_]{0,63}"), 100


class Inventory(msgspec.Struct, frozen=True):
    """Attributes by asset: ``{"CH-0001": {"model": "C-350", "site": "north"}}``.

    Every attribute divides the fleet into segments. The attribute ``asset`` is there by itself: its segments
    hold one machine each.
    """

    machines: dict[str, dict[str, str]] = {}

    def segment(self, asset: str, key: str) -> str | None:
        """Return the name of an asset's segment by ``key``, None if it is not known.

        >>> known = Inventory({"CH-0001": {"model": "C-350"}})
        >>> known.segment("CH-0001", "model"), known.segment("CH-0001", "site")
        ('model:C-350', None)
        """
        value = asset if key == ASSET else self.machines.get(asset, {}).get(key)
        return f"{key}:{value}" if value else None

    def segments(self, asset: str) -> tuple[str, ...]:
        """Return the names of all segments that an asset is known to be in, but for its own.

        >>> Inventory({"CH-0001": {"site": "north", "model": "C-350"}}).segments("CH-0001")
        ('model:C-350', 'site:north')
        """
        return tuple(f"{key}:{value}" for key, value in sorted(self.machines.get(asset, {}).items()) if value)

    def segments_by(self, key: str) -> Callable[[str], str]:
        """Return the function that names an asset's segment by ``key``: ``fleet`` if it has none."""
        return lambda asset: self.segment(asset, key) or FLEET

    @property
    def keys(self) -> tuple[str, ...]:
        """The attributes that any machine has, in order."""
        return tuple(sorted({key for known in self.machines.values() for key in known}))

    def merged(self, other: Inventory) -> Inventory:
        """Return both; of an attribute that both know, ``other`` has the say."""
        found = {name: dict(known) for name, known in self.machines.items()}
        for name, known in other.machines.items():
            found.setdefault(name, {}).update(known)
        return Inventory(found)


NOTHING = Inventory()


def to_json(inventory: Inventory) -> bytes:
    """Return an inventory as JSON, the same for the same content."""
    return msgspec.json.encode(inventory, order="deterministic") + b"\n"


def of_columns(assets: Mapping[str, Mapping[str, str | None]]) -> Inventory:
    """Return the inventory of attributes as tables hold them; what is empty or null is left out."""
    found = {
        name: {k: v.strip() for k, v in known.items() if v and v.strip()} for name, known in assets.items()
    }
    return Inventory({name: known for name, known in found.items() if known})


def read_inventory(path: Path, fleet: Fleet) -> Inventory:
    """Read a CSV file: a column ``asset``, and one per attribute; an empty field is not known.

    Raises ConfigError with the line, from 1 for the heading, its value and what was expected.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, restkey="")
            _check_heading(path, rows.fieldnames or [])
            found: dict[str, dict[str, str | None]] = {}
            for number, row in enumerate(rows, 2):
                name = _checked(path, number, row, fleet, found)
                found[name] = row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(str(path), "file", str(path), f"a readable CSV file ({error})") from error
    return of_columns(found)


def _check_heading(path: Path, names: object) -> None:
    given = list(names) if isinstance(names, list | tuple) else []
    if ASSET not in given or len(given) < 2:
        raise ConfigError(str(path), "line 1", ",".join(given), "a column asset, and one or more attributes")
    for name in given:
        if not _KEY.fullmatch(name) or name == FLEET or given.count(name) > 1:
            raise ConfigError(str(path), "line 1", name, "distinct names in snake_case, other than fleet")


def _checked(
    path: Path, number: int, row: dict[str, str | None], fleet: Fleet, found: Mapping[str, object]
) -> str:
    """Take the asset out of a row and return it; refuse what no machine of the fleet can be."""
    name, where = (row.pop(ASSET) or "").strip(), f"line {number}"
    if not fleet.knows(name):
        raise ConfigError(str(path), where, name, f"an asset like {fleet.asset_pattern}")
    if name in found:
        raise ConfigError(str(path), where, name, "each asset once")
    for key, value in row.items():
        if not isinstance(value, str | None) or not key:
            raise ConfigError(str(path), where, value, "as many fields as the heading")
        if key == ZONE and value and value.strip() and not is_zone(value.strip()):
            raise ConfigError(str(path), f"{where}, {key}", value, instead_of(value.strip()))
        if value and (len(value) > _LONGEST or not value.isprintable()):
            raise ConfigError(str(path), f"{where}, {key}", value, f"at most {_LONGEST} printable characters")
    return name
