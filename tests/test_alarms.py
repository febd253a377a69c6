"""Every alarm of the code is in the document that says what to do about it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "alarms.md"
_NAMES = {"alarm", "raise_alarm"}
_SHORT = 8  # a fragment below it tells no alarm from another


def alarms(folder: str) -> Iterator[tuple[str, list[str]]]:
    """Yield where an alarm is raised, and the words of it that are always the same."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and called(node) in _NAMES:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", fragments(node.args[0])


def called(node: ast.Call) -> str:
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    return str(name).strip("_")


def fragments(said: ast.expr) -> list[str]:
    parts = [n.value for n in ast.walk(said) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return [p.strip(" :;,(") for p in parts if len(p.strip(" :;,(")) >= _SHORT]


def documented() -> str:
    return re.sub(r"\s+", " ", DOCUMENT.read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", ["chillcast", "simulators", "streams"])
def test_what_every_alarm_says_is_in_the_document(folder: str) -> None:
    missing = [(where, part) for where, parts in alarms(folder) for part in parts if part not in documented()]
    assert missing == []


def test_alarms_are_found_in_the_code() -> None:
    assert sum(len(parts) > 0 for folder in ("chillcast", "streams") for _, parts in alarms(folder)) > 25


def test_no_alarm_is_documented_that_nobody_raises() -> None:
    code = " ".join(
        re.sub(r'"\s*f?"', "", p.read_text(encoding="utf-8"))
        for folder in ("chillcast", "streams", "simulators", "models")
        for p in sorted((ROOT / folder).rglob("*.py"))
    )
    code = re.sub(r"\s+", " ", code)
    said = re.findall(r"^\| `(.+?)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(said) > 25
    parts = [p.strip(" :;,()") for text in said for p in text.split("…")]
    assert [p for p in parts if len(p) >= _SHORT and p not in code] == []
