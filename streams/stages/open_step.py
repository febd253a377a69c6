"""Which messages the kernel takes in one step, because that comes to the same as one by one."""

from __future__ import annotations

from models.features.memory import KernelState


class OpenStep:
    """A step of messages of one asset each, all of whose samples belong to panes that are not closed yet.

    Only the first message of an asset in the step may close panes: what is said of a pane, and of the values
    after it, is found from what is remembered then. A late message does not fit, and is a step of its own.
    """

    def __init__(self, state: KernelState) -> None:
        self.state = state
        self._newest_ms: dict[str, int] = {}

    def begin(self) -> None:
        """Begin another step: the kernel has seen the last one."""
        self._newest_ms.clear()

    def add(self, asset: str, oldest_ms: int, newest_ms: int) -> bool:
        """Take in a message with samples from ``oldest_ms`` to ``newest_ms``; return whether it fits."""
        hop_ms, known_ms = self.state.plan.hop_ms, self._newest_ms.get(asset)
        if known_ms is None:
            row = self.state.index.get(asset)
            fits = row is None or oldest_ms // hop_ms > int(self.state.memory.at[row])
        else:
            fits = oldest_ms >= known_ms and newest_ms // hop_ms == known_ms // hop_ms
        if fits:
            self._newest_ms[asset] = newest_ms
        return fits
