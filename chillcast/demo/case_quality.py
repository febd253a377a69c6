"""What cases are worth to who works on them: is there a fault, is it named, and by the right sensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from chillcast.skill.survey import under_way
from models.evaluation.metrics import share
from models.fleet.knowledge import Advice
from simulators.truth import FaultRecord
from streams.records import Alert


class CaseQuality(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of ``cases``: those ``with_a_fault`` of the machine under way, and, of these, the rest.

    ``mode_right``: the mode named was one under way; ``mode_said``: how probable it was said to be, on
    average. A sensor is plausible if it is one of those that the advice on a fault under way looks at.
    ``cleared_then_tripped``: shutdowns that no open case announced any more.
    """

    cases: int
    with_a_fault: int
    mode_named: int
    mode_right: int
    mode_said: float | None
    first_sensor_plausible: int
    any_sensor_plausible: int
    cleared_then_tripped: int


def case_quality(
    opened: Sequence[Alert],
    faults: Sequence[FaultRecord],
    advice: Sequence[Advice],
    modes: Mapping[str, Sequence[str]],
    cleared_then_tripped: int,
) -> CaseQuality:
    """Hold the cases that ``opened`` against the truth; ``modes`` says which faults each suspicion is."""
    met = [(a, there) for a in opened if (there := under_way(faults, a.asset, a.time_ms))]
    moved = [_moved(there, advice, modes) for _, there in met]
    shown = [[reason.key for reason in a.sensors] for a, _ in met]
    probable = [a.modes[0].probability for a, _ in met if a.modes]
    return CaseQuality(
        cases=len(opened),
        with_a_fault=len(met),
        mode_named=sum(bool(a.fault) for a, _ in met),
        mode_right=sum(bool(there.intersection(modes.get(a.fault, ()))) for a, there in met),
        mode_said=share(sum(probable), len(probable)),
        first_sensor_plausible=sum(s[:1] != [] and s[0] in m for s, m in zip(shown, moved, strict=True)),
        any_sensor_plausible=sum(bool(m.intersection(s)) for s, m in zip(shown, moved, strict=True)),
        cleared_then_tripped=cleared_then_tripped,
    )


def _moved(there: set[str], advice: Sequence[Advice], modes: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the sensors that tell of any of the faults under way."""
    telling = [one.sensors for one in advice if there.intersection(modes.get(one.fault, ()))]
    return {key for sensors in telling for key in sensors}
