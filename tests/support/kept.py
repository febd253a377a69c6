"""A stage that remembers what it is given, and a topic of which compaction left the newest."""

from __future__ import annotations

from collections.abc import Iterable

from streams.stage import Outgoing


class Kept:
    """A stage that keeps what it is given back."""

    identity = "kept"

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}

    def delta(self) -> Iterable[tuple[bytes, bytes]]:
        return ()

    def restore(self, key: bytes, value: bytes) -> None:
        self.values[key] = value

    def restored(self) -> None:
        pass

    def self_contained(self) -> bool:
        return True


def compacted(topic: Iterable[Outgoing]) -> list[Outgoing]:
    """Return the last record of each key, and none that was deleted."""
    return [record for record in {record.key: record for record in topic}.values() if record.value]
