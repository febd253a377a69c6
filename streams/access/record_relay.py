"""Telling the record of changes to a topic: every line at least once, and in one form however often."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from models.errors import ChillcastError
from streams.access.audit import Audit, Line
from streams.access.record_query import fleet_of, kind_of
from streams.records import Recorded

_AT_ONCE = 500
_EVERY_S = 2.0
Send = Callable[[Sequence[Recorded]], None]


class RecordRelay:
    """Tells lines to a ``place``, in their order; ``send`` returns when all are written.

    How far it has come stands beside the record itself. Who signs in is not told: more people read a store
    than may read the record. Of several that tell the same record, each line is told in the same words.
    """

    def __init__(self, audit: Audit, place: str, send: Send) -> None:
        self.audit, self.place, self.send = audit, place, send
        self._at: tuple[int, int] | None = None

    def tell(self) -> int:
        """Tell all that is new; return how many lines. Raises UnavailableError if it cannot be told now."""
        told = 0
        number, at_ms = self._at or (0, 0)
        while lines := self.audit.after(number, _AT_ONCE):
            if self._at is None:
                number, at_ms = self._at = self._reached()
                continue
            said = list(self._as_told(lines, at_ms))
            if kept := [one for one in said if one.kind != "people"]:
                self.send(kept)
            number, at_ms = self._at = said[-1].number, said[-1].at_ms
            self._remember(number, at_ms)
            told += len(kept)
        return told

    def _as_told(self, lines: Sequence[Line], at_ms: int) -> Iterator[Recorded]:
        """Yield lines as they are told: times move on even if the clock did not, or went back."""
        record = self.audit.name()
        for line in lines:
            at_ms = max(line.time_ms, at_ms + 1)
            yield Recorded(
                record=record,
                number=line.number,
                at_ms=at_ms,
                time_ms=line.time_ms,
                kind=kind_of(line.about),
                fleet=fleet_of(line.about),
                who=line.who,
                role=line.role,
                via=line.via,
                action=line.action,
                about=line.about,
                result=line.result,
                detail=line.detail,
            )

    def _reached(self) -> tuple[int, int]:
        """Return the number of the last line that was told, and its time there."""
        with self.audit.database.changing() as changing:
            row = changing.execute("SELECT number, at_ms FROM told WHERE place = ?", (self.place,)).fetchone()
        return row or (0, 0)

    def _remember(self, number: int, at_ms: int) -> None:
        """Remember how far it has come; who tells the same, and is further, stays there."""
        with self.audit.database.changing() as changing:
            changing.execute(
                "INSERT INTO told VALUES (?, ?, ?) ON CONFLICT DO UPDATE "
                "SET number = excluded.number, at_ms = excluded.at_ms WHERE excluded.number > number",
                (self.place, number, at_ms),
            )


def keep_telling(
    relay: RecordRelay, alarm: Callable[[str], None], ended: threading.Event, every_s: float = _EVERY_S
) -> None:
    """Tell what is new every so many seconds until ``ended``; what goes wrong is an alarm, once."""
    said = ""
    while not ended.wait(every_s):
        try:
            relay.tell()
            said = ""
        except ChillcastError as error:
            if str(error) != said:
                said = str(error)
                alarm(f"the record of changes waits to be told: {said}")
