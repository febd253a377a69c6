"""What travels between the stages, as they see it; `streams.wire.codec` makes bytes of it and reads them.

Windows, events and promotions are records of `models`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from models.cases.case import Outcome
from models.fleet.inventory import FLEET
from models.registry.promotion import Role
from models.risk.explanation import Cause, Mode, Reason
from models.telemetry.samples import Float32, Float64, Int32, Int64


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A record; fields it does not know are ignored, so that a newer sender does no harm."""


class Sample(Record, frozen=True):
    """One named sample of one asset, as a gateway sends it; null is missing."""

    asset: str
    time: str | int
    values: dict[str, float | None]


class Watermark(msgspec.Struct, frozen=True):
    """The source has sent everything before ``time_ms`` to this partition; ``end``: nothing will follow."""

    time_ms: int
    end: bool = False


class Alert(Record, frozen=True):
    """A case as it opens, is explained again each day, and closes: ``stage`` open, update or closed.

    ``from_d`` and ``to_d`` say between which days the outcome will come; None if it was not said.
    """

    case: str
    asset: str
    stage: str
    severity: str
    time_ms: int
    opened_ms: int
    risk: float
    threshold: float
    horizon_d: float
    text: str
    fault: str
    check: str
    sensors: list[Reason]
    model: str
    reason: str = ""
    causes: list[Cause] = []
    from_d: float | None = None
    to_d: float | None = None
    modes: list[Mode] = []


class CaseOutcome(Record, frozen=True):
    """What was found at the machine of a case, as a label; ``is_label`` is false if nobody looked.

    ``as_of_ms`` is the event time up to which the machine had been looked at, ``time_ms`` the clock of
    ``who``, ``version`` that of the case with this outcome.
    """

    case: str
    asset: str
    version: int
    opened_ms: int
    episode_ms: int
    as_of_ms: int
    time_ms: int
    who: str
    outcome: Outcome
    is_label: bool
    suspected: str = ""
    mode: str = ""
    cause: str = ""
    remedy: str = ""
    downtime_h: float | None = None
    parts: str = ""
    text: str = ""


Detector = Literal[
    "adwin",
    "adwin-errors",
    "performance",
    "adaptation",
    "fleet",
    "quality",
    "silent",
    "missing",
    "stuck",
    "jump",
    "out-of-range",
    "unit",
]
"""What notices a change, but for ``dead-letters``: that is said of messages."""


class Drift(Record, frozen=True):
    """A change: in scores, in who decides, in what sensors read, or in the quality of a sensor's data.

    From ``cause`` to ``wasserstein``, and ``machines`` (the first twenty), all belongs to detector ``fleet``;
    from ``estimated`` to ``age_d`` to ``performance``. The
    three counts belong to ``quality`` and count values since its last report; ``reason`` belongs to
    ``dead-letters``.
    """

    detector: str
    time_ms: int
    value: float
    text: str
    asset: str = ""
    sensor: str = ""
    segment: str = ""
    cause: str = ""
    unit: str = ""
    deviations: float = 0.0
    psi: float = 0.0
    ks: float = 0.0
    wasserstein: float = 0.0
    estimated: float = 0.0
    labels: int = 0
    coverage: float = 0.0
    age_d: float = 0.0
    machines: list[str] = []
    reason: str = ""
    missing: int = 0
    implausible: int = 0
    expected: int = 0


class Control(Record, frozen=True):
    """What a running replay is to do; ``seek`` needs ``time``, ``speed`` a ``speed``: 0 is the highest.

    A replay answers a command that has an ``id``.
    """

    command: Literal["pause", "resume", "seek", "speed", "stop"]
    time: str | int | None = None
    speed: Annotated[float, Meta(ge=0)] | None = None
    id: str = ""


class Heard(Record, frozen=True):
    """What a replay answers to a command: the ``id`` of the command, and who it is."""

    id: str
    replay: str


class DeadLetter(Record, frozen=True):
    """A message, or a part of one, that could not be used: why, where it stood, and its bytes (base64)."""

    reason: str
    topic: str
    partition: int
    offset: int
    key: str
    content_type: str
    payload: str


class Redriven(Record, frozen=True):
    """Dead letters of this partition, by their offsets, whose messages were sent again."""

    offsets: tuple[int, ...]


class Recorded(Record, frozen=True):
    """Line ``number`` of a ``record`` of changes; of a record no two have the same ``at_ms``.

    ``kind`` and ``fleet`` are those of what it is ``about``, empty if it names none.
    """

    record: str
    number: int
    at_ms: int
    time_ms: int
    kind: str
    fleet: str
    who: str
    role: str
    via: str
    action: str
    about: str
    result: str
    detail: str


class Assignment(Record, frozen=True):
    """From message ``offset`` of a partition of ``features`` on, ``version`` has the ``role``.

    ``number`` is that of the promotion which led to it, ``fingerprint`` that of its features; empty if they
    were not told.
    """

    role: Role
    version: str
    sha256: str
    offset: int
    number: int = 0
    fingerprint: str = ""


class Computed(Record, frozen=True):
    """Features as a ``version`` has them; no version: as the fleet file of the workers alone says.

    They are computed from message ``since`` of telemetry on, when the partition had come to ``since_ms``.
    """

    version: str
    sha256: str
    fingerprint: str
    since: int = 0
    since_ms: int = 0


class FeatureMark(Record, frozen=True):
    """From message ``offset`` of a partition of ``telemetry`` on, these ``features`` are computed.

    Windows of the first are scored; those of a second, if there is one, are computed beside them.
    """

    offset: int
    features: tuple[Computed, ...]


@dataclass(frozen=True, slots=True)
class Readings:
    """What ``sensors`` (P,) read over the recent window at the end of a day of UTC, against what is usual.

    ``window`` (k,) are the scored windows that end one. ``value``, ``usual`` and ``spread`` (k, P), in the
    units of the sensors, are NaN if nobody knows them.
    """

    window: Int32
    sensors: tuple[str, ...]
    value: Float32
    usual: Float32
    spread: Float32


@dataclass(frozen=True, slots=True)
class Scores:
    """Risks (n, H) of ``n`` windows by one model version, and the online-adapted risk (n,).

    ``scored_by`` is, for each of ``assets``, the member of the version's set that scored it; ``evidence``
    (n,) the share of what the model looks at that has a value, None if nobody says. Risks of a window with
    too little of it are NaN: none is said. ``readings`` are those of a champion's windows that end a day.
    """

    model: str
    horizons_d: tuple[float, ...]
    assets: tuple[str, ...]
    asset: Int32
    end_ms: Int64
    revision: Int32
    risk: Float64
    adapted: Float64
    scored_by: tuple[str, ...] = ()
    evidence: Float64 | None = None
    readings: Readings | None = None

    def __len__(self) -> int:
        return len(self.asset)

    def member(self, asset: int) -> str:
        """Return which member of the set scored the machine with this number."""
        return self.scored_by[asset] if self.scored_by else FLEET
