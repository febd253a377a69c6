"""Writes docs/licences.md: under which licence each part that the workers install may be used."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "licences.md"
_LONG = 60
_HEAD = """\
# Licences

What `requirements/worker.txt` installs, and under which licence each part says it may be used; vendored
parts of the page carry theirs in `streams/page/static`. `make licences` writes this list, `make sbom` one in
CycloneDX with hashes. None asks for more than its own source and notice: a test refuses those that do (AGPL,
GPL, SSPL, BUSL, Commons Clause).

| part | version | licence |
|---|---|---|
"""


def pinned() -> list[tuple[str, str]]:
    """Return name and version of every part that is installed on every system."""
    text = (ROOT / "requirements" / "worker.txt").read_text(encoding="utf-8")
    return re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z0-9,-]+\])?==(\S+) \\$", text, re.MULTILINE)


def licence_of(name: str) -> str:
    """Return what a part says of its licence: its expression, else its classifiers, else its first line."""
    found = metadata(name)
    if expression := found.get_all("License-Expression"):
        return str(expression[0])
    classified = [
        c.rpartition(" :: ")[2] for c in found.get_all("Classifier") or () if c.startswith("License")
    ]
    stated = "".join(found.get_all("License") or ()).strip().partition("\n")[0]
    return ", ".join(classified) or (stated if len(stated) < _LONG else "") or "not said"


def document() -> str:
    """Return the whole document. Raises PackageNotFoundError if a part is not installed."""
    return _HEAD + "".join(f"| {name} | {version} | {licence_of(name)} |\n" for name, version in pinned())


if __name__ == "__main__":
    try:
        DOCUMENT.write_text(document(), encoding="utf-8")
    except PackageNotFoundError as error:
        sys.exit(f"{error}: make setup first")
