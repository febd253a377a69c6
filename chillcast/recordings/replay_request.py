"""What to do with which recording, as the command line says it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from chillcast.training.datasets import parse_date
from models.fleet.fleet import Fleet
from simulators.dirt.dirt import CLEAN, Dirt, load_dirt
from simulators.replay.playable import EVER, Span
from simulators.replay.player import MAX, parse_speed
from simulators.replay.replay import batch_ms_of


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What to do with which recording; ``train_until`` is a date: what lies before it is learnt from."""

    path: Path
    fleet: Fleet
    train_until: str | None
    seed: int
    span: Span = EVER
    dirt: Dirt = CLEAN
    speed: float = MAX
    batch_s: int | None = None

    def __post_init__(self) -> None:
        """Refuse a date that is none before a long recording is read."""
        _ = self.until_ms

    def played(self, speed: str, batch_s: int | None, dirt: Path | None) -> ReplayRequest:
        """Return the request with a speed, a batch and a file of dirt, as the command line says them."""
        batch_ms_of(self.fleet, batch_s)
        corrupted = load_dirt(dirt) if dirt else CLEAN
        return replace(self, dirt=corrupted, speed=parse_speed(speed), batch_s=batch_s)

    @property
    def until_ms(self) -> int | None:
        """Return the end of the training days, exclusive, in UTC milliseconds."""
        if self.train_until is None:
            return None
        return parse_date(self.train_until, "--train-until")


def parse_span(from_: str | None, until: str | None) -> Span:
    """Return what ``--from`` and ``--until`` say."""
    ends = {"from_ms": (from_, "--from"), "until_ms": (until, "--until")}
    return Span(**{name: parse_date(text, option) for name, (text, option) in ends.items() if text})
