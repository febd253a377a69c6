"""What the workers install may be used, says so, and can be listed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.licences import DOCUMENT, document, licence_of, pinned

ROOT = Path(__file__).parent.parent
FORBIDDING = re.compile(
    r"(?<!L)(?<!Lesser )\b(AGPL|GPL)|Affero|(?<!Lesser )General Public|SSPL|BUSL|Commons Clause", re.I
)


def test_the_list_is_what_is_installed() -> None:
    """`make licences` writes it."""
    assert document() == DOCUMENT.read_text(encoding="utf-8")


def test_every_part_says_its_licence_and_none_forbids_use() -> None:
    assert len(pinned()) > 80
    said = {name: licence_of(name) for name, _ in pinned()}
    assert [name for name, licence in said.items() if licence == "not said"] == []
    assert [name for name, licence in said.items() if FORBIDDING.search(licence)] == []


@pytest.mark.parametrize(
    ("licence", "forbids"),
    [
        ("GNU General Public License v3 (GPLv3)", True),
        ("AGPL-3.0-only", True),
        ("GNU Lesser General Public License v2 or later (LGPLv2+)", False),
        ("Mozilla Public License 2.0 (MPL 2.0)", False),
    ],
)
def test_a_licence_that_asks_for_more_is_seen(licence: str, *, forbids: bool) -> None:
    assert bool(FORBIDDING.search(licence)) is forbids


def test_the_bill_of_materials_names_every_pin_with_its_hashes(tmp_path: Path) -> None:
    out = tmp_path / "sbom.json"
    command = [str(Path(sys.executable).parent / "cyclonedx-py"), "requirements", "requirements/worker.txt"]
    subprocess.run([*command, "--of", "JSON", "-o", str(out)], cwd=ROOT, check=True, capture_output=True)
    components = json.loads(out.read_text(encoding="utf-8"))["components"]
    found = {c["name"]: c["version"] for c in components}
    assert set(pinned()) <= set(found.items())
    assert all(c["externalReferences"][0]["hashes"] for c in components)
