"""The picture of the house is drawn from the imports, and every room says what lives there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from scripts.house import PACKAGES, PICTURE, direct, draw, levels

ROOT = Path(__file__).parent.parent
ROOMS = sorted(p.parent for name in PACKAGES for p in (ROOT / name).glob("*/__init__.py"))


def test_the_picture_shows_the_imports_as_they_are() -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw(), "run `make house`"


@pytest.mark.parametrize("room", ROOMS, ids=lambda p: f"{p.parent.name}.{p.name}")
def test_every_room_says_what_lives_there_and_what_does_not(room: Path) -> None:
    said = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert re.search(r"\b(No|Nothing|Not|no)\b", said), said


def test_the_architecture_page_names_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("## The way")[0]
    assert [r.name for r in ROOMS if f"`{r.name}`" not in page and f".{r.name}`" not in page] == []


def test_a_room_stands_above_all_that_it_imports() -> None:
    assert levels({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == [["a"], ["b"], ["c"]]


def test_an_import_that_follows_from_others_is_not_drawn() -> None:
    assert direct({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == [("a", "b"), ("b", "c")]
