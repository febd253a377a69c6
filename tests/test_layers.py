"""Imports run one way, and the check that says so can fail."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("chillcast", "simulators", "streams", "models")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = str(Path(sys.executable).parent / "lint-imports")
    return subprocess.run(
        [command, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def borrowed(folder: Path) -> list[str]:
    """Return the lines with which a test module imports from another."""
    return [
        f"{path.relative_to(folder)}: {line}"
        for path in sorted(folder.rglob("test_*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(r"\s*(from|import) tests\.(\w+\.)*test_", line)
    ]


def test_what_tests_share_stands_in_support(tmp_path: Path) -> None:
    assert borrowed(ROOT / "tests") == []
    (tmp_path / "test_it.py").write_text("from tests.streams.test_that import made\n", encoding="utf-8")
    assert borrowed(tmp_path) == ["test_it.py: from tests.streams.test_that import made"]


def test_imports_run_one_way(copy: Path) -> None:
    found = lint(copy)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("models/telemetry/labels.py", "import streams.kafka.topics"),
        ("models/telemetry/labels.py", "import kafka"),
        ("streams/kafka/live_reader.py", "import chillcast"),
    ],
)
def test_a_planted_upward_import_is_found(copy: Path, module: str, line: str) -> None:
    path = copy / module
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    found = lint(copy)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "BROKEN" in found.stdout
