"""Writes into the documents what every key of a file and every setting is, as the code says it.

A document has a table between ``<!-- keys of NAME -->`` and ``<!-- end -->``. Run by ``make keys``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from chillcast.pretraining.pretraining_config import PretrainingConfig
from chillcast.retraining.retraining_config import RetrainingConfig
from chillcast.settings import PREFIX, Settings
from chillcast.training.training_config import TrainingConfig
from models.delivery.routes import Routes
from models.fleet.fleet import Fleet
from models.fleet.shape import Shape, shape_of, words
from simulators.fleet.scenario import Scenario

DOCS = Path(__file__).parents[1] / "docs"
DOCUMENTS = ("fleets.md", "settings.md", "simulator.md", "models.md", "delivery.md", "loop.md")
FILES: tuple[type, ...] = (Fleet, Scenario, TrainingConfig, PretrainingConfig, RetrainingConfig, Routes)
_TABLE = re.compile(r"(<!-- keys of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_EMPTY = ("", None, [], {})


def filled(text: str) -> str:
    """Return a document with its tables of keys as they are now."""
    return _TABLE.sub(lambda found: found[1] + _tables()[found[2]] + found[3], text)


def main() -> None:
    """Write the documents."""
    for name in DOCUMENTS:
        path = DOCS / name
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")


def _tables() -> dict[str, str]:
    head = ("table", "key", "what is expected", "default", "meaning")
    files = {kind.__name__: _table(head, _keys(shape_of(kind))) for kind in FILES}
    return {
        **files,
        "Settings": _table(("variable", "what is expected", "default", "meaning"), _settings()),
    }


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(_line(cells) for cells in (head, ["---"] * len(head), *rows))


def _line(cells: Sequence[str]) -> str:
    return re.sub(" +", " ", f"| {' | '.join(cells)} |\n")


def _settings() -> Iterator[tuple[str, ...]]:
    for name, shape in shape_of(Settings)["properties"].items():
        yield f"`{PREFIX}{name.upper()}`", words(shape), _default(shape, needed=False), _meaning(shape)


def _keys(shape: Shape, place: str = "", name: str = "") -> Iterator[tuple[str, ...]]:
    """Yield a row for a table, one for each of its keys, and then those of its own tables.

    ``place`` is the path of the table, ``name`` that in the brackets which a file has around it.
    """
    tables = {key: below for key, below in shape["properties"].items() if _inner(below)}
    yield f"`{name}`" if name else "", "", "", "", _meaning(shape)
    for key, below in shape["properties"].items():
        if key not in tables:
            needed = key in shape.get("required", ())
            yield "", f"`{key}`", words(below), _default(below, needed=needed), _meaning(below)
    for key, below in tables.items():
        inner = f"{place}.{key}".lstrip(".")
        brackets = f"[[{inner}]]" if below.get("type") == "array" else f"[{inner}{_each(below)}]"
        yield from _keys(_inner(below), inner, brackets)


def _inner(shape: Shape) -> Shape:
    """Return the table that a key holds, one or several of it; empty if it holds none."""
    several = [shape.get("items"), *shape.get("patternProperties", {}).values()]
    found = next((inner for inner in (shape, *several) if inner and "properties" in inner), {})
    return dict(found)


def _each(shape: Shape) -> str:
    return ".…" if "patternProperties" in shape else ""


def _default(shape: Shape, *, needed: bool) -> str:
    value = shape.get("default")
    shown = value if isinstance(value, str) else json.dumps(value)
    return "needed" if needed else "" if value in _EMPTY else f"`{shown}`"


def _meaning(shape: Shape) -> str:
    return str(shape.get("description", "")).partition("\n")[0].replace("``", "`")


if __name__ == "__main__":
    main()
