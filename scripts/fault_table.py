"""Prints the table of docs/performance.md from the report of `make faults`, .chillcast/faults.json."""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path

from tests.kafka.faults import FAULTS

REPORT = Path(__file__).parents[1] / ".chillcast" / "faults.json"
STAGES = ("features", "risk", "cases", "delivery", "sink", "landing")
BROKERS = {"kafka": "Apache Kafka", "embedded": "embedded"}
FIGURES = ("missing", "wrong", "duplicate", "lag")
Row = dict[str, int | str]


def place(row: Row) -> tuple[int, int]:
    """Return where a row belongs: one that was run again stands at the end of the report."""
    return list(BROKERS).index(str(row["broker"])), list(FAULTS).index(str(row["fault"]))


def line(rows: dict[str, Row]) -> str:
    """Return what became of one fault; figures that are the same for all stages stand there once."""
    first = next(iter(rows.values()))
    expected = ", ".join(f"{rows[stage]['expected']:,}" for stage in STAGES)
    cells = [str(first["fault"]), BROKERS[str(first["broker"])], expected]
    for figure in FIGURES:
        found = [str(rows[stage][figure]) for stage in STAGES]
        cells.append(found[0] if len(set(found)) == 1 else ", ".join(found))
    return f"| {' | '.join(cells)} |"


def table(report: list[Row]) -> str:
    """Return the whole table: Apache Kafka first, each in the order of ``FAULTS``."""
    head = ["fault", "broker", f"expected: {', '.join(STAGES)}", *FIGURES]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for _, rows in groupby(sorted(report, key=place), key=place):
        lines.append(line({str(row["stage"]): row for row in rows}))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table(json.loads(REPORT.read_text(encoding="utf-8"))) + "\n")
