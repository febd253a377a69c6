"""What a lane asks of the group that its worker is a member of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Membership(Protocol):
    """The group of a worker: which partitions it has, and what is known of them."""

    def generation(self) -> int:
        """Return which assignment of partitions is the newest."""

    def is_ours(self, topic: str, partition: int, generation: int) -> bool:
        """Return whether a partition that was given in a generation of the group is still this worker's."""

    def partitions(self, topic: str) -> Sequence[int]:
        """Return the partitions of a topic that this worker has."""

    def on_batch(self, topic: str, partition: int, next_offset: int) -> None:
        """Learn that a partition is done up to an offset, exclusive."""

    def end(self, topic: str, partition: int) -> int | None:
        """Return the offset up to which messages may be read, None if that is not known."""

    def is_coming(self, topic: str, partition: int) -> bool:
        """Return whether messages of a partition are still to be delivered, or were and are not done."""
