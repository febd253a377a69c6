"""What is to be learnt, from which slices of time, and by whose leave: settled before a history is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.fleet.fleet import Fleet
from models.fleet.training import Training
from models.learning.division import Division
from models.learning.pretrained import Pretrained
from models.learning.training_set import Examples
from models.telemetry.event_log import EventLog
from models.telemetry.labels import Bools, Labels, label
from models.telemetry.window_keys import WindowKeys

Chosen = Callable[[str], bool]
Search = Callable[[Examples, int, int], Training]


def nobody(_: str) -> bool:
    """Hold no machine out."""
    return False


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """A model of ``fleet`` is trained on [start, split), then calibrated on [split + embargo, until).

    The split leaves ``training.calibration_share`` of the time for the later slice; the embargo is the
    longest of ``windows_s``: what is computed over longer ones moves slowly, and labels are purged anyway.
    Machines that are ``held_out`` take no part. ``search`` (examples, start, split) may
    choose parameters. What is learnt begins with the ``pretrained`` model. A ``division`` of the fleet gives
    its segments models of their own. With ``training.calibration_folds`` the training slice is all of the
    time, and so is the later one: each machine is looked at by who has not seen it.
    """

    fleet: Fleet
    start_ms: int
    until_ms: int
    seed: int
    held_out: Chosen = nobody
    search: Search | None = None
    pretrained: Pretrained | None = None
    division: Division | None = None

    @property
    def is_folded(self) -> bool:
        """Whether each machine is calibrated by what was learnt on others."""
        return self.fleet.training.calibration_folds > 1

    @property
    def split_ms(self) -> int:
        """The end of the training slice."""
        share = 0.0 if self.is_folded else self.fleet.training.calibration_share
        return self.until_ms - int(share * (self.until_ms - self.start_ms))

    @property
    def later_ms(self) -> tuple[int, int]:
        """The calibration slice, from where no window reaches back into the training slice."""
        if self.is_folded:
            return self.start_ms, self.until_ms
        return self.split_ms + self.fleet.sampling.windows_s[-1] * 1000, self.until_ms

    def share(self, time_ms: int) -> float:
        """Return how much of the range lies before a time."""
        return (time_ms - self.start_ms) / (self.until_ms - self.start_ms)

    def takes_part(self, assets: Sequence[str]) -> Bools:
        """Return (n,) whether each machine is learnt from."""
        return np.array([not self.held_out(name) for name in assets], bool)

    def label(self, keys: WindowKeys, log: EventLog, until_ms: int) -> Labels:
        """Return what became of windows, as known at ``until_ms``."""
        return label(keys, log, until_ms, self.fleet.training.censor)
