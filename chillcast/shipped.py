"""The files that come with chillcast: fleets, scenarios, training files."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from models.errors import ConfigError

_SHIPPED = {
    "skill": "fleets/skill",
    "proof": "fleets/proof",
    "fleet": "fleets",
    "scenario": "fleets/scenarios",
    "training file": "fleets/training",
    "pre-training file": "fleets/pretraining",
    "retraining file": "fleets/retraining",
}


def find_file(name: str, kind: str) -> Path:
    """Return the path of a file, or of the fleet, scenario or training file of that name which is shipped.

    A folder is none: one that a recording was written into must not hide the scenario of its name. Raises
    ConfigError that lists what there is.
    """
    given, here = Path(name), shipped(_SHIPPED[kind])
    if given.suffix or given.is_file():
        return given
    found = here / f"{name}.toml"
    if not found.exists():
        names = ", ".join(sorted(p.stem for p in here.glob("*.toml")))
        raise ConfigError("command line", kind, name, f"a path or one of {names}")
    return found


def shipped(folder: str) -> Path:
    """Return a folder that comes with chillcast: from the checkout, or from the installed package."""
    checkout = Path(__file__).parent.parent / folder
    return checkout if checkout.is_dir() else Path(str(resources.files("chillcast"))) / folder
