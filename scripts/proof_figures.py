"""Writes what `make prove` found into docs/proof.md, with its picture; run by ``make proof-figures``."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import msgspec

from chillcast.proof.report import ProofReport, rendered

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "proof.md"
_FIGURES = re.compile(r"(<!-- figures -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str, report: ProofReport) -> str:
    """Return the document with the figures of a report."""
    found = rendered(report, "figures.md")
    return _FIGURES.sub(lambda old: f"{old[1]}{found}{old[2]}", text)


def main() -> None:
    """Write the document, from what lies in .chillcast."""
    home = ROOT / ".chillcast"
    report = msgspec.json.decode((home / "proof.json").read_bytes(), type=ProofReport)
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8"), report), encoding="utf-8")
    shutil.copyfile(home / "proof" / "proof.png", ROOT / "docs" / "images" / "proof.png")


if __name__ == "__main__":
    main()
