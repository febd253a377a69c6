"""Snapshots on a broker without transactions: a new one leaves the one before whole until it is whole itself.

Each key has two places, and is written to the one that does not count. A record counts if it is the newest of
its key that is not beyond the position, which is written last. One without content says that the key is gone;
it stays until the record that it stands against is deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import msgspec

from streams.stage import Incoming, Outgoing, Remembering
from streams.state.snapshots import POSITION, SECOND, STATE, Snapshots, StateRecord, decoded


class AlternatingSnapshots(Snapshots):
    """Writes each key to its two places in turn; reads the whole topic before it believes any of it."""

    def __init__(self, topic: str, identity: str) -> None:
        super().__init__(topic, identity)
        self._second: dict[bytes, bool] = {}  # where the record of a key stands that counts
        self._places: set[bytes] = set()  # where any record stands
        self._garbage: set[bytes] = set()
        self._gone: set[bytes] = set()  # to be deleted once all garbage is
        self._found: dict[bytes, Incoming] = {}

    def anew(self) -> Snapshots:
        """Return empty snapshots that take the place of these: the first to be written deletes their keys."""
        out = AlternatingSnapshots(self.topic, self.identity)
        out._places, out._garbage = set(self._places), set(self._places)
        return out

    def write(self, delta: Iterable[tuple[bytes, bytes]], offset: int) -> Iterator[Outgoing]:
        """Yield the records of what changed up to ``offset``, exclusive; the position comes last.

        Until that is written those of the snapshot before stand as they stood.
        """
        moved: dict[bytes, bool] = {}
        gone: set[bytes] = set()
        for record in super().write(delta, offset):
            if record.key == POSITION:
                yield from self._deleted()
                self._second.update(moved)
                self._forgotten(gone)
                yield record
                continue
            second = moved.setdefault(record.key, not self._second.get(record.key, True))
            place = _place(record.key, second=second)
            self._garbage.discard(place)
            self._gone.discard(place)
            self._places.add(place)
            if not record.value:
                gone.add(record.key)
            yield replace(record, key=place, value=record.value or _gone(offset))

    def read(self, message: Incoming, stage: Remembering) -> None:  # noqa: ARG002
        """Keep one record of the topic; the last of each place is what compaction would leave."""
        if message.damage:
            return
        if message.value:
            self._found[message.key or b""] = message
        else:
            self._found.pop(message.key or b"", None)

    def complete(self, stage: Remembering) -> None:
        """Take in the records that count, and remember which do not."""
        found, self._found = self._found, {}
        self._places = found.keys() - {POSITION}
        last = found.pop(POSITION, None)
        if last is not None:
            super().read(last, stage)
        for key, places in _by_key(found).items():
            counts = self._counting(places)
            self._garbage |= {_place(key, second=p.second) for p in places if self._is_beyond(p)}
            if counts is None:
                continue
            self._second[key] = counts.second
            if counts.is_gone:
                self._forgotten({key})
            else:
                super().read(replace(counts.message, key=key), stage)
        super().complete(stage)

    def _counting(self, places: list[_Placed]) -> _Placed | None:
        whole = [place for place in places if not self._is_beyond(place)]
        return max(whole, key=lambda place: place.offset, default=None)

    def _is_beyond(self, place: _Placed) -> bool:
        return self.position is None or place.offset > self.position.offset

    def _forgotten(self, keys: Iterable[bytes]) -> None:
        """Have both places of keys deleted: first what was remembered, then what says that it is gone."""
        for key in keys:
            second = self._second[key]
            self._garbage.update({_place(key, second=not second)} & self._places)
            self._gone.add(_place(key, second=second))

    def _deleted(self) -> Iterator[Outgoing]:
        garbage, self._garbage, self._gone = sorted(self._garbage), self._gone, set()
        self._places.difference_update(garbage)
        for place in garbage:
            key, second = _key(place)
            if self._second.get(key) == second:
                del self._second[key]
        yield from (Outgoing(self.topic, key, b"", STATE) for key in garbage)


class _Placed(NamedTuple):
    """A record, whether it stands in the second place of its key, and the offset that it reflects."""

    message: Incoming
    second: bool
    offset: int
    is_gone: bool


def _gone(offset: int) -> bytes:
    return msgspec.msgpack.encode(StateRecord(offset, b""))


def _place(key: bytes, *, second: bool) -> bytes:
    return SECOND + key if second else key


def _key(place: bytes) -> tuple[bytes, bool]:
    return place.removeprefix(SECOND), place.startswith(SECOND)


def _by_key(found: dict[bytes, Incoming]) -> dict[bytes, list[_Placed]]:
    out: dict[bytes, list[_Placed]] = defaultdict(list)
    for place, message in found.items():
        key, second = _key(place)
        record = decoded(message, StateRecord)
        out[key].append(_Placed(message, second, record.offset, not record.payload))
    return out
