"""Time is passed in: a clock is a parameter that the composition root fills, so that no test patches one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("chillcast", "simulators", "streams", "models")
READS = {
    ("time", name) for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "localtime")
} | {("datetime", name) for name in ("now", "utcnow", "today")}


def readings(source: str) -> Iterator[int]:
    """Yield the lines on which a clock is read by its name, but for the defaults of parameters."""
    tree = ast.parse(source)
    signatures = [node for node in ast.walk(tree) if isinstance(node, ast.arguments)]
    defaults = [one for some in signatures for one in (*some.defaults, *some.kw_defaults) if one]
    given = {id(node) for default in defaults for node in ast.walk(default)}
    for node in ast.walk(tree):
        if id(node) not in given and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and (owner.id, node.func.attr) in READS:
                yield node.lineno


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_reads_a_clock_that_it_was_not_given(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line in readings(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_a_clock_that_is_read_by_its_name_is_found() -> None:
    assert list(readings("import time\nx = time.monotonic\ny = time.monotonic()\n")) == [3]


def test_no_test_patches_time() -> None:
    patched = re.compile(r"""(setattr|patch)\([^)]*\btime\b\.?(sleep|time|monotonic)?["',]""")
    found = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path != Path(__file__) and patched.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
