"""Which instruments the points with an expectation are read with: a computed point is read with several."""

from __future__ import annotations

import numpy as np

from models.features.channels import residual_points
from models.fleet.fleet import Fleet
from models.fleet.formula import sensors_of
from models.telemetry.labels import Bools


def instruments_of(fleet: Fleet) -> tuple[str, ...]:
    """Return the keys of all sensors that points with an expectation are read with."""
    return tuple(dict.fromkeys(key for sensors in _read_with(fleet) for key in sensors))


def in_common(fleet: Fleet) -> Bools:
    """Return (R, R) which points with an expectation are read with an instrument in common."""
    read_with = [set(sensors) for sensors in _read_with(fleet)]
    out: Bools = np.array([[bool(one & other) for other in read_with] for one in read_with], bool)
    return out.reshape(len(read_with), len(read_with))


def _read_with(fleet: Fleet) -> list[list[str]]:
    formulas = {point.key: sensors_of(point.formula) for point in fleet.formulas}
    return [formulas.get(key, [key]) for key in residual_points(fleet)]
