"""Says what the cases of the last `make demo` were worth. Run by ``make case-quality``."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from rich.console import Console

from chillcast.demo.case_quality import CaseQuality
from chillcast.demo.demo_report import quality_table


class _Report(msgspec.Struct):
    case_quality: CaseQuality


def main() -> None:
    """Print the table, and the same as JSON if ``--json`` is given."""
    path = Path(".chillcast/demo/report.json")
    if not path.exists():
        sys.exit(f"{path}: expected the report of the demonstration: make demo")
    found = msgspec.json.decode(path.read_bytes(), type=_Report).case_quality
    if "--json" in sys.argv[1:]:
        print(msgspec.json.encode(found).decode())  # noqa: T201
    else:
        Console().print(quality_table(found))


if __name__ == "__main__":
    main()
