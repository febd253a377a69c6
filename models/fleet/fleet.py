"""A fleet is data: its sensors, windows, horizons, recording and policies stand in one TOML file."""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import Field

from models.errors import ConfigError
from models.fleet.alerting import Alerting
from models.fleet.config import expects, means, read_table, read_toml, refuse, table
from models.fleet.consistency import contradictions
from models.fleet.kinds import Key, Pattern, Positive, Rising
from models.fleet.knowledge import Advice, Expected, Rule, Running
from models.fleet.points import Derived, MachinePoint, Sensor, changes_of, shares_of
from models.fleet.recording import Recording
from models.fleet.sampling import Sampling
from models.fleet.telemetry import Telemetry
from models.fleet.training import Training


@table
class Fleet:
    """Everything that distinguishes one kind of fleet from another."""

    name: Annotated[Key, means("name of the fleet")]
    asset: Annotated[str, means("the word for one machine")]
    asset_pattern: Annotated[Pattern, means("what every machine's name matches in full")]
    outcome: Annotated[str, means("the words for what is predicted")]
    sampling: Sampling
    horizons_d: Annotated[
        tuple[float, ...],
        Field(min_length=1),
        Rising,
        expects("rising numbers above 0"),
        means("how many days ahead the risk is told"),
    ]
    sensors: Annotated[tuple[Sensor, ...], Field(min_length=1, max_length=4096)]
    alerting: Alerting
    derived: tuple[Derived, ...] = ()
    max_assets: Annotated[
        Positive,
        means("machines that a partition of telemetry takes; a name beyond them is refused, with an alarm"),
    ] = 8192
    max_new_assets_per_hour: Annotated[
        Positive | None,
        means("machines of these that may be new in one hour of arrival; without it any number"),
    ] = None
    inventory: Annotated[
        tuple[str, ...],
        means("the machines that are let in, by name; without it every name that matches `asset_pattern`"),
    ] = ()
    training: Training = Training()
    running: Running | None = None
    expectation: tuple[Expected, ...] = ()
    advice: tuple[Advice, ...] = ()
    rules: tuple[Rule, ...] = ()
    recording: Recording | None = None
    telemetry: Telemetry | None = None

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """Sensor keys in the order of every value vector."""
        return tuple(s.key for s in self.sensors)

    @functools.cached_property
    def points(self) -> tuple[MachinePoint, ...]:
        """The sensors, then what is derived from them, then the changes of states."""
        changes = (changes_of(s) for s in self.sensors if s.kind == "state")
        return (*(s.told for s in self.sensors), *self.formulas, *changes)

    @functools.cached_property
    def formulas(self) -> tuple[Derived, ...]:
        """What is arithmetic of sensors: what is derived, then the states of each sensor that has any."""
        return (*self.derived, *(share for s in self.sensors for share in shares_of(s)))

    @functools.cached_property
    def point_keys(self) -> tuple[str, ...]:
        """The keys of all points, in order."""
        return tuple(p.key for p in self.points)

    @property
    def horizon(self) -> int:
        """Number of the horizon that is alerted on, in ``horizons_d``."""
        return self.horizons_d.index(self.alerting.horizon_d)

    @functools.cached_property
    def schema(self) -> str:
        """Identity of the value vector: 16 hexadecimal digits over keys and units, in order."""
        text = "\n".join(f"{s.key} {s.unit}" for s in self.sensors)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def knows(self, asset: str) -> bool:
        """Return whether ``asset`` has a name of this fleet."""
        return re.fullmatch(self.asset_pattern, asset) is not None


def load_fleet(path: Path) -> Fleet:
    """Read and check a fleet file: TOML as people write it, or JSON (`.json`) as a worker is handed it.

    Raises ConfigError with the file, the key, its value and what was expected.
    """
    return parse_fleet(_read_json(path) if path.suffix == ".json" else read_toml(path, "fleet"), str(path))


def _read_json(path: Path) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise ConfigError(str(path), "file", str(path), f"a readable fleet file ({error})") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(str(path), "file", str(path), f"JSON ({error})") from error


def parse_fleet(raw: dict[str, Any], source: str) -> Fleet:
    """Check the content of a fleet file; ``source`` names it in errors."""
    fleet = read_table(raw, Fleet, source)
    refuse(contradictions(fleet, source))
    return fleet
