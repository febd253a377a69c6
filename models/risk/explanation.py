"""What is said of a risk beside its number: the sensors behind it, the probable causes, what to check."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One sensor behind a risk: its recent mean against what the machine itself would show, in its unit.

    ``contribution`` is in log-odds; ``value`` and ``baseline`` are None if the sensor said nothing.
    ``label`` is what both are said of, ``said`` and ``usual`` are their words; no usual one, no words.
    """

    key: str
    label: str
    unit: str
    value: float | None
    baseline: float | None
    contribution: float
    said: str = ""
    usual: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """What the controller may name, and how probable that is should the outcome come."""

    code: str
    probability: float


@dataclass(frozen=True, slots=True)
class Mode:
    """A failure mode, and how probable it is that it is under way."""

    fault: str
    probability: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a case says beside its number; no ``causes`` if the model has not learnt any.

    ``modes`` are the suspected one and the runner-up, if probabilities of modes are known. The outcome will
    most probably come in ``from_d`` to ``to_d`` days.
    """

    text: str
    severity: str
    fault: str
    check: str
    reasons: tuple[Reason, ...]
    causes: tuple[Cause, ...] = ()
    from_d: float = 0.0
    to_d: float = 0.0
    modes: tuple[Mode, ...] = ()
