"""What the page asks about models and the pipeline; whoever starts it puts that together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from models.registry.promotion import Promotion
from streams.access.roles import Person

Told = Mapping[str, Any]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks to be done about the models of the fleet.

    ``version`` becomes champion, or with ``shadow`` challenger; without one the champion before comes back.
    ``override``: also if the gate refuses it. ``seen`` is the number of the newest promotion that they saw,
    None if that does not matter.
    """

    reason: str
    version: str = ""
    shadow: bool = False
    override: bool = False
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Backstage:
    """Each of these asks something, and may raise UnavailableError; None if there is nobody to ask.

    ``promotions`` are all decisions, oldest first, and ``manifest`` what the bundle of one says of itself.
    ``lag`` tells how far each stage is behind. ``letters`` tells the dead letters by reason, ``letter`` one
    at PARTITION/OFFSET, None if there is none; ``redrive`` sends those again whose reason holds some words.
    ``fares`` tells how the challenger does beside the champion, ``retraining`` what trains again and is over;
    ``decide`` does what somebody wants of models, and raises ModelError with the reasons if it is refused.
    """

    promotions: Callable[[], Sequence[Promotion]] | None = None
    manifest: Callable[[Promotion], Told] | None = None
    lag: Callable[[], Sequence[Told]] | None = None
    letters: Callable[[], Sequence[Told]] | None = None
    letter: Callable[[str], Told | None] | None = None
    redrive: Callable[[str], Told] | None = None
    fares: Callable[[], Told] | None = None
    retraining: Callable[[], Told] | None = None
    decide: Callable[[Wanted, Person], Told] | None = None
