"""On which partition the telemetry of a machine belongs: the one that its key leads to."""

from __future__ import annotations

from collections.abc import Container

from models.errors import RecordError
from streams.kafka.topics import partition_of
from streams.wire.sample_batch import SampleBatch


class HomePartitions:
    """Refuses machines of another partition: split over two, each half would give wrong windows.

    The partitions of machines that are ``remembered`` are found once.
    """

    def __init__(self, partitions: int, remembered: Container[str]) -> None:
        self.partitions, self.remembered = partitions, remembered
        self._found: dict[str, int] = {}

    def check(self, asset: str, partition: int) -> None:
        """Raise RecordError if the asset does not belong on the partition."""
        if self._home(asset) != partition:
            raise RecordError(self._elsewhere(asset, partition))

    def keep(self, batch: SampleBatch) -> SampleBatch:
        """Return the messages of a batch whose assets all belong on its partition; the others are refused."""
        partition = batch.messages[0].partition
        strangers = {name for name in batch.samples.assets if self._home(name) != partition}
        if not strangers:
            return batch
        first = ((i, next(filter(strangers.__contains__, names), "")) for i, names in enumerate(batch.names))
        return batch.refuse({i: self._elsewhere(name, partition) for i, name in first if name})

    def _elsewhere(self, asset: str, partition: int) -> str:
        home = self._home(asset)
        return (
            f"asset {asset!r} on partition {partition}: key {asset!r} belongs to {home}; send it with this "
            "key, or through chillcast rekey"
        )

    def _home(self, asset: str) -> int:
        home = self._found.get(asset)
        if home is None:
            home = partition_of(asset, self.partitions)
            if asset in self.remembered:
                self._found[asset] = home
        return home
