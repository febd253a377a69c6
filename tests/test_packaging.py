from __future__ import annotations

import re
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("name", ["all.txt", "worker.txt"])
def test_a_lock_carries_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    pinned = re.findall(r"^[a-z0-9][a-z0-9._-]*(?:\[[a-z0-9,-]+\])?==", text, re.MULTILINE)
    assert len(pinned) > 40
    assert text.count("--hash=sha256:") >= len(pinned)
    assert not re.search(r"://|--index-url|--find-links|@ file", text)


def test_the_locks_hold_every_declared_dependency() -> None:
    text = (ROOT / "requirements" / "all.txt").read_text(encoding="utf-8")
    declared = [*PROJECT["dependencies"], *(d for e in PROJECT["optional-dependencies"].values() for d in e)]
    for requirement in declared:
        name = re.split(r"[\[<>=]", requirement)[0].lower()
        assert re.search(rf"^{re.escape(name)}(\[|==)", text, re.MULTILINE), name


def test_the_wheel_holds_the_four_packages_the_fleets_and_the_page(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"chillcast/cli.py", "simulators/physics.py", "streams/worker.py", "models/kernel.py"} <= names
    assert {"chillcast/fleets/chiller.toml", "chillcast/fleets/scenarios/demo.toml"} <= names
    assert {"streams/templates/fleet.html", "streams/static/page.css"} <= names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_make_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony is not None
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in phony[1].split():
        assert f"make {target} " in shown, target


def test_the_changelog_has_the_current_version() -> None:
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_licence_is_the_one_that_is_named() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")[:200]
