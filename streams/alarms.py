"""Alarms: what asks for an operator's attention, wherever in a worker it is found."""

from __future__ import annotations

import logging

ALARM_LOGGER = "chillcast.alarm"


def alarm(text: str) -> None:
    """Log a line that asks for attention, at every level; the supervisor of a worker passes it on."""
    logging.getLogger(ALARM_LOGGER).error(text)
