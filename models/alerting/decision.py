"""What a policy decides of a machine, and what it remembers of one."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Decision:
    """A case of ``asset`` opens or closes at ``time_ms``.

    A case closes because its risk ``cleared``, the outcome came (``event``), or its time passed without one
    (``expired``).
    """

    asset: str
    time_ms: int
    stage: str
    risk: float
    reason: str = ""


class PolicyState(msgspec.Struct, frozen=True, array_like=True):
    """What a policy knows of one asset; each uses the fields it needs."""

    above: list[bool] = []
    opened_ms: int | None = None
    quiet_until_ms: int = 0
    waiting: list[tuple[int, float]] = []
    calm_since_ms: int | None = None
