"""A report of drift as JSON, and as a page of its own that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from chillcast.drift.picture import performance, timeline

_TEMPLATES = Path(__file__).parent / "templates"
_SHOWN = 200


class SignalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A signal with its evidence: ``effect`` and ``wasserstein`` are in ``unit``.

    ``said`` is the effect in words; ``done`` says what came of it, empty if nothing did.
    """

    time: str
    time_ms: int
    cause: str
    sensor: str
    label: str
    segment: str
    partition: str
    effect: float
    unit: str
    said: str
    deviations: float
    psi: float
    ks: float
    wasserstein: float
    machines: list[str]
    text: str
    done: str


class WeekRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the scores of a week were worth, None if nobody knows."""

    until: str
    time_ms: int
    foretold: float | None
    realised: float | None
    labels: int
    coverage: float | None
    age_d: float | None


class DriftReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was told in [from, until]: ``told`` signals in all, of which the newest are here, oldest first."""

    fleet: str
    from_: str = msgspec.field(name="from")
    until: str
    start_ms: int
    end_ms: int
    told: int
    classes: dict[str, int]
    signals: list[SignalRow]
    weeks: list[WeekRow]

    @property
    def in_short(self) -> dict[str, Any]:
        """What a terminal is told."""
        if not self.signals and not self.weeks:
            return {"drift": f"nothing was told from {self.from_} to {self.until}"}
        kept = ("until", "foretold", "realised", "labels", "coverage", "age_d")
        worth = {name: getattr(self.weeks[-1], name) for name in kept} if self.weeks else {}
        counted = {name.replace("-", "_"): count for name, count in self.classes.items()}
        return {"from": self.from_, "until": self.until, "signals": counted, "last_week": worth}

    def newest(self, cause: str) -> list[SignalRow]:
        """Return those of a class that a page shows, the newest first."""
        return [one for one in self.signals[::-1] if one.cause == cause][:_SHOWN]


def write(report: DriftReport, home: Path) -> list[Path]:
    """Write the report and its page under ``home``; return their paths."""
    folder = home / "drift"
    folder.mkdir(parents=True, exist_ok=True)
    whole, page = folder / "report.json", folder / "report.html"
    whole.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    page.write_text(_page(report), encoding="utf-8")
    return [whole, page]


def _page(report: DriftReport) -> str:
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    templates.filters.update(
        share=lambda x: "–" if x is None else f"{x:.0%}".replace("%", " %"),
        loss=lambda x: "–" if x is None else f"{x:.4f}",
        days=lambda x: "–" if x is None else f"{x:.0f}",
    )
    return templates.get_template("report.html").render(
        report=report, timeline=timeline(report), performance=performance(report)
    )
