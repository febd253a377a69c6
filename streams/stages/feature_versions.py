"""The features of one partition while they change: two versions side by side, and a swap at a recorded mark.

The stage of each version sees every message from the mark on at which it began. That of the first speaks;
of the second nothing is heard but its windows. A second one takes the first one's place once its longest
window is full and whoever scores the partition has the version whose features they are.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from models.errors import ModelError, StateError
from models.fleet.fleet import Fleet
from models.registry.promotion import CHALLENGER, CHAMPION
from streams.alarms import alarm
from streams.champions.feature_pool import FeaturePool, Features
from streams.champions.feature_schedule import FeatureSchedule, Together
from streams.kafka.topics import Topics
from streams.records import Computed, FeatureMark
from streams.stage import Incoming, Outgoing, StageCounts
from streams.stages.features import FORM, FeatureStage
from streams.state.snapshots import parsed
from streams.wire import codec

_TOGETHER = b"together"
_FORM = 1  # of what is remembered beside what each version does


class FeatureVersions:
    """Computes the features that ``marks`` say, of one ``partition``, and decides what they are from then on.

    Without a topic to record marks on (``records``) the features stay those that it began with. At most two
    versions are computed: a third has to wait until one of them is dropped.
    """

    def __init__(
        self,
        pool: FeaturePool,
        topics: Topics,
        partitions: int,
        partition: int,
        marks: Iterable[FeatureMark] = (),
        *,
        records: bool = True,
    ) -> None:
        self.pool, self.topics, self.partitions, self.partition = pool, topics, partitions, partition
        self.records = records
        self.schedule = FeatureSchedule(one for one in marks if not self._is_void(one.features[0]))
        self._begun = bool(self.schedule)
        if not self.schedule:
            self.schedule.add(FeatureMark(offset=0, features=(pool.first().begins(0, 0),)))
        self.identity = f"features {FORM}.{_FORM}"
        self._stages: dict[Computed, FeatureStage] = {}
        self._together: Together = ()
        self._dropped: list[Computed] = []
        self._lost: set[Computed] = set()
        self._saved: Together = ()
        self._restoring: dict[int, FeatureStage | None] = {}
        self._parts: dict[int, list[tuple[bytes, bytes]]] = {}
        self._last = 0
        self._first_seen: int | None = None

    def before_batch(self, offset: int, *, seen: bool) -> list[Outgoing]:
        """Record what the features are from ``offset`` on, if that is to change, or was never recorded."""
        if not self.records:
            return []
        now = self.schedule.at(offset)
        is_settled = self._begun and self._together == now and not seen
        wanted = self._wanted(now, offset) if is_settled else self._left(now)
        if self._begun and wanted == now:
            return []
        self._begun = True
        mark = FeatureMark(offset=offset, features=wanted)
        self.schedule.add(mark)
        return [codec.feature_mark(self.topics.promotions, mark)]

    def process(self, received: Sequence[Incoming]) -> Iterator[Outgoing]:
        """Yield what the first version says of messages, and the windows of the second beside."""
        if self._first_seen is None and received:
            self._first_seen = received[0].offset
        for part in self.schedule.cut(received):
            offset = part[0].offset
            wanted = self._left(self.schedule.at(offset))
            if wanted != self._together:
                self._compute(wanted, offset)
            yield from self._said(part)

    def delta(self) -> Iterator[tuple[bytes, bytes]]:
        """Return what each version remembers otherwise than at the last call, and which is gone."""
        gone = [(_prefix(one.since), b"") for one in self._dropped]
        self._dropped.clear()
        parts = [_under(_prefix(one.since), stage.delta()) for one, stage in self._stages.items()]
        together = _TOGETHER, msgspec.msgpack.encode((tuple(self._stages), self._last))
        return itertools.chain(gone, *parts, [together])

    def restore(self, key: bytes, value: bytes) -> None:
        """Remember a part of a version, or which there are."""
        if key == _TOGETHER:
            self._saved, self._last = parsed(value, tuple[Together, int])
            return
        number, _, inner = key.partition(b":")
        since = int(number) if number.isdigit() else -1
        stage = self._restored_stage(since)
        if stage is None:
            self._parts.setdefault(since, []).append((inner, value))
        else:
            stage.restore(inner, value)

    def restored(self) -> None:
        """Go on with the versions that there were; if no mark is left, they are what is computed.

        One beside that cannot be had any more is forgotten. Raises ModelError if that is the first, and
        StateError if by the marks they were never computed.
        """
        if not self._begun and self._saved:
            self.schedule = FeatureSchedule([FeatureMark(offset=0, features=self._saved)])
        for one in self._saved:
            self._check(one)
            try:
                self._take_up(one)
            except ModelError as error:
                self._lose(one, self._saved, error)
                self._dropped.append(one)
        self._together = self._left(self._saved)
        self._restoring.clear()
        self._parts.clear()
        self._lead()

    def self_contained(self) -> bool:
        """Return whether the log reaches back as far as each version's longest window, or its beginning."""
        begun = self._first_seen
        return begun is not None and all(
            begun <= one.since or stage.self_contained() for one, stage in self._stages.items()
        )

    def counts(self) -> StageCounts:
        """Return what the first version has seen since the last call."""
        counted = [stage.counts() for stage in self._stages.values()]
        return counted[0] if counted else StageCounts()

    def _said(self, messages: Sequence[Incoming]) -> Iterator[Outgoing]:
        first, *beside = self._stages.values()
        yield from first.process(messages)
        for stage in beside:
            yield from (out for out in stage.process(messages) if out.content_type == codec.WINDOWS)

    def _wanted(self, now: Together, offset: int) -> Together:
        """Return what is to be computed from ``offset`` on; none is dropped before it is known for whom."""
        first, beside = now[0], next(iter(now[1:]), None)
        champion = self.pool.promoted(CHAMPION)
        if beside is not None and champion is not None and self._may_swap(beside, champion.fingerprint):
            return (beside,)
        for role in (CHAMPION, CHALLENGER):
            features = self.pool.promoted(role)
            if features is not None and features.fingerprint != first.fingerprint:
                is_there = beside is not None and beside.fingerprint == features.fingerprint
                return now if is_there else (first, self._begun_beside(features, offset))
            if not self.pool.is_known(role):
                return now
        return (first,)

    def _begun_beside(self, features: Features, offset: int) -> Computed:
        """Return the record of features that are computed beside the first from ``offset`` on."""
        first = next(iter(self._stages.values()), None)
        return features.begins(offset, first.watermark_ms if first else 0)

    def _may_swap(self, beside: Computed, fingerprint: str) -> bool:
        """Return whether a second version is the champion's, is waited for, and can stand alone."""
        stage = self._stages.get(beside)
        is_wanted = beside.fingerprint == fingerprint == self.pool.scoring(self.partition)
        return is_wanted and stage is not None and stage.is_full(beside.since_ms)

    def _compute(self, wanted: Together, offset: int) -> None:
        """Compute these from the message at ``offset`` on."""
        before, stages = next(iter(self._stages.values()), None), dict[Computed, FeatureStage]()
        for one in wanted:
            known = self._known(one) if one == wanted[0] else one
            try:
                stages[known] = self._stages.get(known) or self._opened(known, before)
            except ModelError as error:
                self._lose(one, wanted, error)
        self._dropped += [one for one in self._stages if one not in stages]
        self._stages, self._together, self._last = stages, self._left(wanted), offset
        self._lead()

    def _known(self, first: Computed) -> Computed:
        """Return the record under which the first version's features are computed already, if they are.

        Since when that is does not matter: it is the first that has seen all there is to see.
        """
        return next((one for one in self._stages if one.fingerprint == first.fingerprint), first)

    def _left(self, wanted: Together) -> Together:
        """Return what of this is computed: the first in any case, and what is not lost beside it."""
        return (*wanted[:1], *(one for one in wanted[1:] if one not in self._lost))

    def _lose(self, one: Computed, wanted: Together, error: ModelError) -> None:
        """Give a version beside up; raises the error if it is the first: nothing may be said in its place."""
        if one == wanted[0]:
            raise error
        self._lost.add(one)
        alarm(f"partition {self.partition}: no features are computed beside any more: {error}")

    def _opened(self, one: Computed, before: FeatureStage | None) -> FeatureStage:
        """Return a stage that computes features; raises ModelError if they cannot be had."""
        whose = f"features of version {one.version!r}, computed from message {one.since} on"
        if one in self._lost:
            raise ModelError(f"{whose}: given up, and to be scored by now: computing them again")
        try:
            features = self.pool.recorded(one)
        except ModelError as error:
            raise ModelError(f"{whose}: {error}; bring the bundle back") from error
        stage = FeatureStage(features.fleet, self.topics, self.partitions, features.expectation)
        if before is not None:
            stage.begin_beside(before)
        return stage

    def _lead(self) -> None:
        """Let the first one speak, and each understand what senders of any version before send."""
        once = {one.fingerprint: one for one in self.schedule.until(self._last)}
        fleets = [fleet for one in once.values() if (fleet := self._fleet_of(one))]
        for i, stage in enumerate(self._stages.values()):
            stage.beside = i > 0
            stage.decoder.kin = tuple(fleet for fleet in fleets if fleet != stage.fleet)

    def _fleet_of(self, one: Computed) -> Fleet | None:
        """Return the fleet file of a version that is, or was, computed; one that is gone is an alarm."""
        try:
            return self.pool.fleet_of(one)
        except ModelError as error:
            who = f"who sends in the schema of version {one.version!r}"
            alarm(f"partition {self.partition}: {who} is not understood any more: {error}")
            return None

    def _restored_stage(self, since: int) -> FeatureStage | None:
        """Return the stage that computes since a message; None if its features cannot be had, or told yet."""
        if since not in self._restoring:
            one = next((one for one in self.schedule.all if self._begun and one.since == since), None)
            with contextlib.suppress(ModelError):
                self._restoring[since] = self._opened(one, None) if one else None
        return self._restoring.setdefault(since, None)

    def _check(self, saved: Computed) -> None:
        """Refuse a version that was never computed by the marks; of the first the features alone matter."""
        known = self.schedule.all
        is_first = saved == self._saved[0]
        if not (saved in known or (is_first and saved.fingerprint in {one.fingerprint for one in known})):
            raise StateError(f"features {saved.fingerprint} of version {saved.version!r} are not on record")

    def _is_void(self, one: Computed) -> bool:
        """Return whether these are features of a fleet file alone, as it was: nobody ever promoted them."""
        if one.version:
            return False
        try:
            self.pool.recorded(one)
        except ModelError:
            return True
        return False

    def _take_up(self, one: Computed) -> None:
        """Go on with a version; raises ModelError if its features cannot be had any more."""
        if self._is_void(one):
            raise StateError(f"features {one.fingerprint} are those of a fleet file that has changed")
        stage = self._restoring.get(one.since) or self._opened(one, None)
        if stage.kernel.schema.fingerprint != one.fingerprint:
            raise StateError(f"features {one.fingerprint} of version {one.version!r} are others by the marks")
        for part in self._parts.pop(one.since, ()):
            stage.restore(*part)
        stage.restored()
        self._stages[one] = stage


def _prefix(since: int) -> bytes:
    return b"%d:" % since


def _under(prefix: bytes, records: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    return ((prefix + key, value) for key, value in records)
