"""How templates say times, shares and numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from models.risk.wording import percent
from models.telemetry.samples import utc

_BEFORE_SIGN = re.compile(r"(?<=[0-9<>]) (?=[0-9%°])")


def _moment(time_ms: int) -> Markup:
    """Return a time in UTC that browsers keep on one line."""
    text = utc(time_ms)
    return Markup('<time datetime="{}Z">{}</time>').format(text.replace(" ", "T"), text)


def _date(time_ms: int) -> Markup:
    return Markup("<time>{}</time>").format(utc(time_ms)[:10])


def unbroken(text: str) -> str:
    """Keep a number on one line with what follows it.

    >>> unbroken("78.3 °C at 12 % in 3 days") == "78.3\\u00a0°C at 12\\u00a0% in 3 days"
    True
    """
    return _BEFORE_SIGN.sub("\N{NO-BREAK SPACE}", text)


def _percent(value: float | None) -> str:
    return "no score" if value is None else unbroken(percent(value))


FILTERS: Mapping[str, Callable[..., Any]] = {
    "moment": _moment,
    "date": _date,
    "percent": _percent,
    "unbroken": unbroken,
}
"""By the names that templates call them by."""
