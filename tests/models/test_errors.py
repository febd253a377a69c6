from __future__ import annotations

import ast
from pathlib import Path

from models import errors
from models.errors import ChillcastError, ConfigError

ROOT = Path(__file__).parents[2]
PACKAGES = ("models", "streams", "simulators", "chillcast")
# Caught by the room that raises them, and never seen by an operator.
INTERNAL = {
    "DoubtfulTimeError",
    "LostPartitionError",
    "NotThereError",
    "StaleError",
    "TwoPlacesError",
    "_StopError",
    "_SeekError",
    "_AbandonedError",
}


def classes() -> dict[str, list[str]]:
    """Return every class of the sources that is named as an error, with the names of its bases."""
    trees = [
        ast.parse(p.read_text(encoding="utf-8")) for name in PACKAGES for p in ROOT.glob(f"{name}/**/*.py")
    ]
    found = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {
        n.name: [ast.unparse(b) for b in n.bases] for n in found if n.name.endswith(("Error", "Exception"))
    }


def test_every_error_that_an_operator_may_see_has_the_one_root() -> None:
    bases = classes()
    known = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    assert known >= {"ChillcastError", "ConfigError", "ModelError"}
    strangers = {name for name, over in bases.items() if not known & {name, *over}}
    assert strangers == INTERNAL


def test_the_root_catches_nothing_else() -> None:
    assert ChillcastError.__bases__ == (Exception,)


def test_a_configuration_error_names_source_key_value_and_what_was_expected() -> None:
    error = ConfigError("fleet.toml", "sampling.hop_s", "1h", "a whole number above 0")
    assert str(error) == "fleet.toml: sampling.hop_s = '1h': expected a whole number above 0"
    assert (error.source, error.key, error.value) == ("fleet.toml", "sampling.hop_s", "1h")
    assert error.expected == "a whole number above 0"


def test_a_value_of_several_lines_stays_on_one() -> None:
    assert "\n" not in str(ConfigError("fleet.toml", "name", "a\nb", "one line"))
