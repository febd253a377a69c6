"""The page of what adaptation is worth, made of the figures of a run alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Report = Mapping[str, Any]
_TEMPLATE = Path(__file__).with_name("adaptation.template.md")


def page(report: Report) -> str:
    """Return the whole page."""
    parts = {
        "SUMMARY": _summary(report["streams"]),
        "SECTIONS": "".join(_section(one) for one in report["streams"]),
        "PARTED": parted_table(report["parted"]),
        "Seed SEED": f"Seed {report['seed']}",
        "CPU s": f"{report['cpu_s']} s",
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for place, part in parts.items():
        text = text.replace(place, part)
    return text


def _summary(streams: Iterable[Report]) -> str:
    rows = []
    for one in streams:
        words = {row["other"]: row["verdict"] for row in one["against"]}
        rows.append([one["drift"], *words.values()])
    head = ["the layer, against", *words]
    return table(head, rows) + "\n"


def _section(one: Report) -> str:
    against = {row["other"]: row for row in one["against"]}
    rows = []
    for row in one["contenders"]:
        beside = against.get(row["contender"])
        saved = f"{beside['saves']:+.4f} ({beside['low']:+.4f} to {beside['high']:+.4f})" if beside else ""
        rows.append([
            row["contender"],
            f"{row['log_loss']:.4f}",
            "" if row["touched"] is None else f"{row['touched']:.4f}",
            f"{row['announced']} of {row['shutdowns']}",
            f"{row['us_per_label']:.0f}",
            saved,
        ])  # fmt: skip
    head = ["", "log-loss", "touched", "announced", "µs a label", "the layer saves"]
    about = (
        f"{one['machines']} machines, {one['touched_machines']} of them touched; {one['windows']:,} windows, "
        f"{one['positives']:,} of them before a shutdown. The layer decided for {one['decided']:.0%} of them."
    )
    return f"\n### {one['drift'].capitalize()}\n\n{about}\n\n{table(head, rows)}\n"


def parted_table(parted: Iterable[Report]) -> str:
    """Return the table of one layer for all machines beside one for each partition."""
    rows = [
        [
            one["drift"],
            f"{one['static']:.4f}",
            f"{one['one']:.4f}",
            f"{one['parts']:.4f}",
            f"{one['one_decided']:.0%}",
            f"{one['parts_decided']:.0%}",
        ]
        for one in parted
    ]
    head = ["log-loss", "champion", "one for all", "one for each of 8", "all: decided", "each: decided"]
    return table(head, rows)


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
