"""Names with their probabilities, as plain text in a field: a line of each, as ``surge 0.62``."""

from __future__ import annotations

from collections.abc import Iterable


def written(likely: Iterable[tuple[str, float]]) -> str:
    """Return names and probabilities as text.

    >>> written([("surge", 0.623456), ("low oil pressure", 0.25)])
    'surge 0.6235\\nlow oil pressure 0.25'
    """
    return "\n".join(f"{name} {probability:.4g}" for name, probability in likely)
