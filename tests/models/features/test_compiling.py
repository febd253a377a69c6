"""Compiled functions are loaded from the cache only if they are what their sources say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
IMPORTS = "from models.features.compiling import compiled\n"
BELOW = IMPORTS + "@compiled\ndef below(x):\n    return x + {}\n"
ABOVE = IMPORTS + "from house.below import below\n@compiled\ndef above(x):\n    return below(x) * 10\n"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A package in which a compiled function of a room calls one of the floor."""
    folder = tmp_path / "house"
    (folder / "room").mkdir(parents=True)
    for path in (folder, folder / "room"):
        (path / "__init__.py").touch()
    (folder / "below.py").write_text(BELOW.format(1))
    (folder / "room" / "above.py").write_text(ABOVE)
    return folder


def python(code: str, folder: Path) -> str:
    # Python's own cache knows a source by its second and its size, which a rewrite may leave as they are.
    environment = {"PYTHONPATH": f"{folder}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return ran.stdout.strip()


def called(house: Path) -> tuple[int, int]:
    """Return what a fresh process gets of the function of the room, and how many were loaded for it."""
    code = "from house.room.above import above; print(above(1), sum(above.stats.cache_hits.values()))"
    value, hits = python(code, house.parent).split()
    return int(value), int(hits)


def test_a_function_is_loaded_until_a_source_of_what_it_calls_has_changed(house: Path) -> None:
    assert called(house) == (20, 0)
    assert called(house) == (20, 1)
    (house / "below.py").write_text(BELOW.format(2))
    assert called(house) == (30, 0)
    assert called(house) == (30, 1)


def test_a_cache_that_names_a_class_that_is_gone_is_written_anew(house: Path) -> None:
    named = "from typing import NamedTuple\nclass {}(NamedTuple):\n    x: int\n"
    (house / "named.py").write_text(named.format("Old"))
    (house / "below.py").write_text(IMPORTS + "@compiled\ndef below(one):\n    return one.x\n")
    code = "from house.named import {0}; from house.below import below; print(below({0}(7)))"
    assert python(code.format("Old"), house.parent) == "7"
    (house / "named.py").write_text(named.format("New"))
    assert python(code.format("New"), house.parent) == "7"


@pytest.mark.parametrize("content", [b"", b"\x80\x04no pickle"])
def test_a_cache_that_cannot_be_read_is_written_anew(house: Path, content: bytes) -> None:
    assert called(house) == (20, 0)
    (index,) = (house / "room" / "__pycache__").glob("*.nbi")
    index.write_bytes(content)
    assert called(house) == (20, 0)
    assert called(house) == (20, 1)


def test_an_import_deletes_nothing(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "models", tmp_path / "models", ignore=shutil.ignore_patterns("__pycache__"))
    old = tmp_path / "models" / "features" / "__pycache__" / "old.nbi"
    old.parent.mkdir()
    old.touch()
    os.utime(old, (1, 1))
    python("import models.features.kernel", tmp_path)
    assert old.exists()
