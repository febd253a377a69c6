"""Names with their probabilities, as plain text in a field: a line of each, as ``surge 0.62``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec


def written(likely: Iterable[tuple[str, float]]) -> str:
    """Return names and probabilities as text.

    >>> written([("surge", 0.623456), ("low oil pressure", 0.25)])
    'surge 0.6235\\nlow oil pressure 0.25'
    """
    return "\n".join(f"{name} {probability:.4g}" for name, probability in likely)


def read(text: str, name: str) -> list[Mapping[str, Any]]:
    """Return what was written, each under ``name`` and probability; rows from before hold a list as JSON.

    >>> read("low oil pressure 0.25", "code")
    [{'code': 'low oil pressure', 'probability': 0.25}]
    """
    if text.startswith("["):
        try:
            before: list[Mapping[str, Any]] = msgspec.json.decode(text, type=list[dict[str, Any]])
        except msgspec.DecodeError:
            return []
        return before
    found: list[Mapping[str, Any]] = []
    for line in text.splitlines():
        word, _, number = line.rpartition(" ")
        try:
            found.append({name: word, "probability": float(number)})
        except ValueError:
            continue
    return found
