"""Whether work is done by the thread of an event loop, which then answers nobody else."""

from __future__ import annotations

import asyncio


def is_in_a_loop() -> bool:
    """Return whether this thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
