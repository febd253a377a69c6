"""Which points no store takes: one set of rules, so that both stores answer alike."""

from __future__ import annotations

import math

from streams.stores.store import Point

_MAX_TEXT_BYTES = 60_000
_RESERVED = ("time", "_field", "_measurement", "_time", "_value")


def problem_of(point: Point) -> str:
    """Return why no store takes a point, empty if one does: the same rules for every store."""
    if not point.fields:
        return "no field"
    for name, text in point.tags.items():
        if problem := _tag_problem(name, text):
            return problem
    for name, value in point.fields.items():
        if isinstance(value, str):
            if len(value.encode()) > _MAX_TEXT_BYTES:
                return f"field {name}: {len(value)} characters, expected at most {_MAX_TEXT_BYTES} bytes"
        elif not math.isfinite(value):
            return f"field {name} = {value}: expected a finite number"
    return ""


def _tag_problem(name: str, text: str) -> str:
    if name in _RESERVED:
        return f"tag {name}: a reserved name"
    if not text:
        return f"tag {name}: empty"
    if any(c in text for c in "\r\n") or text.endswith("\\"):
        return f"tag {name} = {text!r}: line break, or a backslash at its end"
    if len(text.encode()) > _MAX_TEXT_BYTES:
        return f"tag {name}: {len(text)} characters, expected at most {_MAX_TEXT_BYTES} bytes"
    return ""
