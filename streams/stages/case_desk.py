"""The stage of cases: what machines do and people ask in; cases, histories, replies and outcomes out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from models.cases.book import CaseBook, Change, Remembered
from models.cases.case import Case, Entry, Evidence
from models.cases.machine import Signal
from models.cases.people import Command
from models.cases.stops import StopCommand
from models.delivery.notice import News
from models.errors import RecordError, StateError
from models.event_time import DAY_MS
from streams.kafka.topics import NOTICES_HOME, Topics
from streams.records import Alert, CaseOutcome
from streams.stage import Incoming, Outgoing
from streams.stages.home_partitions import HomePartitions
from streams.state.snapshots import parsed
from streams.wire import codec

_ASSET = b"a"
_FORM = 1  # of what is remembered


class CaseDesk:
    """Leads the cases of one partition of the topic of commands, on which alerts stand too.

    ``continues_d`` after its end a case that opens again is another.
    """

    def __init__(self, topics: Topics, partitions: int, continues_d: float) -> None:
        self.topics = topics
        self.identity = f"cases {_FORM} {continues_d:g} d"
        self.book = CaseBook(continues_d * DAY_MS)
        self._homes = HomePartitions(partitions, ())
        self._restoring: dict[str, Remembered] = {}

    def process(self, received: Sequence[Incoming]) -> Iterator[Outgoing]:
        """Yield what each message does to its case, and the reply to a command."""
        for message in received:
            try:
                move = codec.decode_case_move(message.value, message.content_type)
                self._homes.check(move.asset, message.partition)
            except RecordError as error:
                yield codec.dead_letter(self.topics.dead_letters, codec.letter(message, str(error)))
                continue
            if isinstance(move, Command | StopCommand):
                answer, change = (
                    self.book.plan(move) if isinstance(move, StopCommand) else self.book.ask(move)
                )
                yield from self._said(change)
                yield codec.case_reply(self.topics.case_replies, answer)
            else:
                yield from self._said(self.book.hear(signal_of(move)))

    def delta(self) -> list[tuple[bytes, bytes]]:
        """Return each machine that is remembered otherwise than at the last call."""
        changed, book = sorted(self.book.changed), self.book
        book.changed.clear()
        return [(_ASSET + one.encode(), msgspec.msgpack.encode(book.remember(one))) for one in changed]

    def restore(self, key: bytes, value: bytes) -> None:
        """Remember one machine."""
        if not key.startswith(_ASSET):
            raise StateError(f"key {key!r}: not one of this stage")
        self._restoring[key[len(_ASSET) :].decode()] = parsed(value, Remembered)

    def restored(self) -> None:
        """Give every machine, of which several versions may have come, what was remembered of it last."""
        for asset, known in self._restoring.items():
            self.book.restore(asset, known)
        self._restoring.clear()

    def self_contained(self) -> bool:
        """Return False: a case is all that was ever done to it."""
        return False

    def _said(self, change: Change) -> Iterator[Outgoing]:
        """Yield the entries, what was found or planned, and last the case, no older than they are."""
        for entry in change.entries:
            yield codec.case_entry(self.topics.cases, entry)
            if entry.finding is not None:
                yield codec.case_outcome(self.topics.outcomes, _outcome(change, entry))
        if change.stop is not None:
            yield codec.planned_stop(self.topics.cases, change.stop)
            yield codec.planned_stop(self.topics.outcomes, change.stop)
        if change.case is not None:
            yield codec.case(self.topics.cases, change.case)
            yield self._news(change.case, change.entries)

    def _news(self, case: Case, entries: tuple[Entry, ...]) -> Outgoing:
        """Return what delivery hears of it, in the commit of the transition: none is lost."""
        return codec.case_news(self.topics.notices, News(case=case, entries=entries), NOTICES_HOME)


def signal_of(alert: Alert) -> Signal:
    """Return what an alert says of a machine."""
    evidence = Evidence(
        time_ms=alert.time_ms,
        severity=alert.severity,
        risk=alert.risk,
        threshold=alert.threshold,
        horizon_d=alert.horizon_d,
        text=alert.text,
        fault=alert.fault,
        check=alert.check,
        model=alert.model,
        from_ms=_after(alert, alert.from_d),
        until_ms=_after(alert, alert.to_d),
        sensors=tuple(alert.sensors),
        causes=tuple(alert.causes),
        modes=tuple(alert.modes),
    )
    about = {"case": alert.case, "asset": alert.asset, "stage": alert.stage, "opened_ms": alert.opened_ms}
    return msgspec.convert({**about, "evidence": evidence, "reason": alert.reason}, Signal)


def _after(alert: Alert, days: float | None) -> int:
    """Return the moment so many days after an alert, 0 if none was said."""
    return alert.time_ms + int(days * DAY_MS) if days is not None else 0


def _outcome(change: Change, entry: Entry) -> CaseOutcome:
    case, finding = change.case, entry.finding
    assert case is not None
    assert finding is not None
    return CaseOutcome(
        case=case.case,
        asset=case.asset,
        version=entry.version,
        opened_ms=case.opened_ms,
        episode_ms=case.episode_ms,
        as_of_ms=finding.as_of_ms,
        time_ms=finding.time_ms,
        who=finding.who,
        outcome=finding.outcome,
        is_label=finding.is_label,
        suspected=case.evidence.fault,
        mode=finding.mode,
        cause=finding.cause,
        remedy=finding.remedy,
        downtime_h=finding.downtime_h,
        parts=finding.parts,
        text=finding.text,
    )
