"""The service: looks again and again whether a model is to be trained again, until it is told to stop."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from chillcast.retraining.retraining import Retraining
from models.errors import ChillcastError
from streams.access.roles import Person

SERVICE = Person("retrain", "data-scientist", "service")


def serve(retraining: Retraining, every_s: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Look every so many seconds; what goes wrong is an alarm, once, until something else does."""
    said = ""
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            try:
                retraining.look()
                said = ""
            except (ChillcastError, OSError) as error:
                if str(error) != said:
                    said = str(error)
                    retraining.alarm(f"retraining of {retraining.models.fleet.name}: {said}")
            sleep(every_s)
