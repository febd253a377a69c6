"""What a chiller's instruments see inside: the quantities that follow the steady state with a lag."""

from __future__ import annotations

from enum import IntEnum, auto

import numpy as np

from models.telemetry.samples import Float64

_MINUTE_S = 60.0


class Channel(IntEnum):
    """Rows of every state array (K, A)."""

    EVAPORATING = 0
    CONDENSING = auto()
    CHILLED_LEAVING = auto()
    CHILLED_ENTERING = auto()
    CONDENSER_ENTERING = auto()
    CONDENSER_LEAVING = auto()
    SUBCOOLING = auto()
    DISCHARGE = auto()
    SUMP = auto()
    BEARING = auto()
    WINDING = auto()
    HEAT_SINK = auto()
    OIL_PRESSURE = auto()
    CONDENSER_FLOW = auto()
    VANE = auto()
    MOTOR_LOAD = auto()
    POWER = auto()
    SURGE = auto()
    CHILLED_FLOW = auto()
    HEAD = auto()
    SPEED = auto()
    HOT_GAS = auto()
    EVAPORATOR_LEVEL = auto()
    CONDENSER_LEVEL = auto()
    LEVEL_VALVE = auto()
    THRUST = auto()
    WINDING_SPREAD = auto()
    PURGE = auto()


# Time constants in minutes, running and stopped: judgement (pressures 1–2, water 5–10, oil and windings 20–30
# while running; a stopped machine equalises in 40 minutes and cools over hours).
_LAG_MIN: dict[Channel, tuple[float, float]] = {
    Channel.EVAPORATING: (1.5, 40.0),
    Channel.CONDENSING: (1.5, 40.0),
    Channel.CHILLED_LEAVING: (7.0, 40.0),
    Channel.CHILLED_ENTERING: (7.0, 40.0),
    Channel.CONDENSER_ENTERING: (10.0, 40.0),
    Channel.CONDENSER_LEAVING: (7.0, 40.0),
    Channel.SUBCOOLING: (5.0, 10.0),
    Channel.DISCHARGE: (3.0, 60.0),
    Channel.SUMP: (25.0, 240.0),
    Channel.BEARING: (25.0, 90.0),
    Channel.WINDING: (25.0, 60.0),
    Channel.HEAT_SINK: (20.0, 30.0),
    Channel.OIL_PRESSURE: (0.5, 0.5),
    Channel.CONDENSER_FLOW: (0.5, 0.5),
    Channel.VANE: (1.0, 1.0),
    Channel.MOTOR_LOAD: (0.5, 0.5),
    Channel.POWER: (0.5, 0.5),
    Channel.SURGE: (30.0, 10.0),
    Channel.CHILLED_FLOW: (0.5, 0.5),
    Channel.HEAD: (1.5, 10.0),
    Channel.SPEED: (1.0, 1.0),
    Channel.HOT_GAS: (2.0, 2.0),
    Channel.EVAPORATOR_LEVEL: (10.0, 40.0),
    Channel.CONDENSER_LEVEL: (10.0, 40.0),
    Channel.LEVEL_VALVE: (2.0, 2.0),
    Channel.THRUST: (1.0, 5.0),
    Channel.WINDING_SPREAD: (25.0, 60.0),
    Channel.PURGE: (720.0, 720.0),
}


def lags(period_s: int) -> tuple[Float64, Float64]:
    """Return the share (K,) of the way to the goal covered in one period, running and stopped."""
    minutes = np.array([_LAG_MIN[c] for c in Channel])
    share = -np.expm1(-period_s / _MINUTE_S / minutes)
    return np.ascontiguousarray(share[:, 0]), np.ascontiguousarray(share[:, 1])
