"""How a reading is said: in its unit, at the sensor's resolution; states and counts as a person would.

Pages, alerts and reports take their words from here, so that they agree.
"""

from __future__ import annotations

import math
from decimal import Decimal

from models.fleet.points import MachinePoint

NO_READING = "no reading"
_UNITS = {"degC": " °C", "degF": " °F", "deg": "°", "1": ""}
_HOUR_S, _DAY_S = 3600, 86400
_ALL_THE_TIME = {
    "at no time in the time": "never",
    "at times in the time": "at times",
    "all of the time": "always",
}
_STATE_STEP, _COUNT_STEP = 0.01, 0.1


def percent(share: float) -> str:
    """Say a share of 1; what is not quite none or all is not said to be.

    >>> [percent(x) for x in (0.0, 0.004, 0.104, 0.998, 1.0)]
    ['0 %', '< 1 %', '10 %', '> 99 %', '100 %']
    """
    if 0 < share < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < share < 1 else f"{share:.0%}".replace("%", " %")


def span(seconds: int) -> str:
    """Say the time that a mean is over.

    >>> [span(s) for s in (3600, 21600, 86400, 604800, 900)]
    ['the last hour', 'the last 6 hours', 'the last day', 'the last 7 days', 'the last 15 minutes']
    """
    for name, length in (("day", _DAY_S), ("hour", _HOUR_S), ("minute", 60)):
        count = seconds // length
        if count and seconds % length == 0:
            return f"the last {name}" if count == 1 else f"the last {count} {name}s"
    return f"the last {seconds} seconds"


def subject(sensor: MachinePoint) -> str:
    """Return what a reading is said of: the phrase of a state, the label of anything else."""
    return sensor.state or sensor.label


def said(sensor: MachinePoint, mean: float, over: str) -> str:
    """Say the mean of a sensor ``over`` a span; NaN is no reading.

    >>> from models.fleet.fleet import Sensor
    >>> limit = Sensor(key="limit", label="", unit="1", low=0, high=1, state="capacity was limited")
    >>> [said(limit, mean, "the last day") for mean in (0.0, 0.1, 1.0)]
    ['at no time in the last day', '10 % of the last day', 'all of the last day']
    >>> said(Sensor(key="t", label="", unit="degC", low=0, high=100, resolution=0.1), 78.31, "the last day")
    '78.3 °C'
    """
    if not math.isfinite(mean):
        return NO_READING
    if sensor.state:
        return _state(sensor, mean, over)
    if _is_count(sensor):
        return _count(mean)
    return _number(mean, sensor.step) + _UNITS.get(sensor.unit, f" {sensor.unit}")


def usually(sensor: MachinePoint, mean: float) -> str:
    """Say what is usual, empty if nobody knows."""
    if not math.isfinite(mean):
        return ""
    words = said(sensor, mean, "the time")
    return _ALL_THE_TIME.get(words, words)


def alike(sensor: MachinePoint, mean: float, usual: float) -> bool:
    """Return whether nobody could tell a mean from the usual one.

    They are less than a step of the sensor apart, or said in the same words. A step of a state is one per
    cent of the time, of a count a tenth.
    """
    step = _STATE_STEP if sensor.state else _COUNT_STEP if _is_count(sensor) else sensor.step
    return abs(mean - usual) < step or said(sensor, mean, "") == said(sensor, usual, "")


def sentence(what: str, now: str, usual: str) -> str:
    """Put the words of a reading together.

    >>> sentence("capacity was limited", "10 % of the last day", "never")
    'capacity was limited 10 % of the last day, usually never'
    >>> sentence("oil sump temperature", "no reading", "54.0 °C")
    'oil sump temperature: no reading, usually 54.0 °C'
    """
    head = f"{what}: {now}" if now == NO_READING else f"{what} {now}"
    return f"{head}, usually {usual}" if usual else head


def _state(sensor: MachinePoint, mean: float, over: str) -> str:
    """Say a share of time; the mean of a code, which has more than one word for on, is none."""
    if mean <= 0:
        return f"at no time in {over}"
    if sensor.high > 1:
        return f"at times in {over}"
    if mean >= 1:
        return f"all of {over}"
    return f"{'less than 1 %' if mean < 0.01 else percent(mean).replace('>', 'more than')} of {over}"


def _is_count(sensor: MachinePoint) -> bool:
    return sensor.unit == "1" and sensor.step >= 1 and not sensor.state


def _count(mean: float) -> str:
    """Say the mean of a count, to a tenth if it is small."""
    return "none" if abs(mean) < 0.05 else f"{mean:.1f}".removesuffix(".0") if mean < 10 else f"{mean:.0f}"


def _number(value: float, step: float) -> str:
    """Return a number in whole steps, with the decimals that a step has."""
    exact = Decimal(str(step))
    decimals = max(0, -int(exact.normalize().as_tuple().exponent))
    return f"{round(value / step) * step + 0.0:.{decimals}f}"
