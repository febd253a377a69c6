"""What the page asks about models and the pipeline; whoever starts it puts that together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.registry.promotion import Promotion

Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Backstage:
    """Each of these asks something, and may raise UnavailableError; None if there is nobody to ask.

    ``promotions`` are all decisions, oldest first, and ``manifest`` what the bundle of one says of itself.
    ``lag`` tells how far each stage is behind. ``letters`` tells the dead letters by reason, ``letter`` one
    at PARTITION/OFFSET, None if there is none; ``redrive`` sends those again whose reason holds some words.
    """

    promotions: Callable[[], Sequence[Promotion]] | None = None
    manifest: Callable[[Promotion], Told] | None = None
    lag: Callable[[], Sequence[Told]] | None = None
    letters: Callable[[], Sequence[Told]] | None = None
    letter: Callable[[str], Told | None] | None = None
    redrive: Callable[[str], Told] | None = None
