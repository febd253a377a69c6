"""Drift over time as SVG: a lane per class, and below what scores foretold beside what came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from streams.page.plot import Frame
from streams.stores.drift_reader import CLASSES

if TYPE_CHECKING:
    from chillcast.drift.report import DriftReport

_LANE, _WORDS = 34, 110


def timeline(report: DriftReport) -> Markup:
    """Draw each signal as a point in the lane of its class; its words are told to who points at it."""
    frame = Frame(
        report.start_ms,
        report.end_ms,
        len(CLASSES) - 0.5,
        -0.5,
        height=_LANE * len(CLASSES) + 40,
        left=_WORDS,
    )
    lanes = [
        frame.across("lane", lane) + frame.word(_WORDS - 8, frame.y(lane) + 4, name, "end")
        for lane, name in enumerate(CLASSES)
    ]
    dots = [
        frame.dot(f"of-{one.cause}", one.time_ms, CLASSES.index(one.cause), 4.5, f"{one.time}: {one.text}")
        for one in report.signals
        if one.cause in CLASSES
    ]
    counted = ", ".join(f"{report.classes[name]} {name}" for name in CLASSES)
    return frame.closed(
        f"Signals from {report.from_} to {report.until}: {counted}", [*lanes, frame.dates(), *dots]
    )


def performance(report: DriftReport) -> Markup:
    """Draw the log-loss foretold and realised, empty if no week was told."""
    lines = {
        "foretold": [(week.time_ms, week.foretold) for week in report.weeks if week.foretold is not None],
        "realised": [(week.time_ms, week.realised) for week in report.weeks if week.realised is not None],
    }
    found = [value for points in lines.values() for _, value in points]
    if not found:
        return Markup("")
    frame = Frame(report.start_ms, report.end_ms, 0.0, max(found) * 1.15 or 1.0, left=_WORDS, height=220)
    parts = [frame.grid("{:.3g}")]
    for name, points in lines.items():
        parts += [frame.line(name, points), *(frame.dot(name, t, value, 3) for t, value in points)]
    said = "; ".join(f"{name} {points[-1][1]:.4f} at last" for name, points in lines.items() if points)
    return frame.closed(f"Log-loss of {len(report.weeks)} weeks: {said}", parts)
