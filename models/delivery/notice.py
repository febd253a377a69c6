"""What moves delivery, and what it says: news of cases, the clock, silences; notices, attempts, records."""

from __future__ import annotations

from typing import Literal

import msgspec

from models.cases.case import Case, Entry
from models.event_time import DAY_MS

_PAUSE_MS, _LONGEST_PAUSE_MS = 10_000, 1_800_000
FEW = 20
"""Cases of one notice that are said with all that is known of them."""
GIVEN_UP_MS = 3 * DAY_MS
STOPPED, SNOOZED = "stopped", "snoozed"
Ending = Literal["sent", "failed", "given-up"]


class News(msgspec.Struct, frozen=True, kw_only=True):
    """A case as it stands after one transition, or newer evidence, and the entries that led to it."""

    case: Case
    entries: tuple[Entry, ...] = ()


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """The clock of a worker: what is due is due by it; ``by`` and ``number`` tell whose it is."""

    by: str
    number: int
    time_ms: int


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing is sent of these machines, all if none are named, until a moment."""

    id: str
    who: str
    time_ms: int
    until_ms: int
    sites: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    text: str = ""

    def covers(self, case: Case, site: str, now_ms: int) -> bool:
        """Return whether a case of a site is not told now."""
        return (
            now_ms < self.until_ms
            and (not self.sites or site in self.sites)
            and (not self.machines or case.asset in self.machines)
            and (not self.modes or case.evidence.fault in self.modes)
        )


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A case as a notice says it: ``kind`` is why, ``who`` did it with which ``words``.

    In a digest ``kind`` is how it stands; one that is stopped is held by a planned stop until ``until_ms``.
    """

    case: Case
    kind: str
    site: str = ""
    who: str = ""
    words: str = ""
    until_ms: int = 0

    @property
    def is_held(self) -> bool:
        """Whether nothing is told of it now but in a digest."""
        return self.kind in (STOPPED, SNOOZED)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What is said on a route: of one case, or of several; ``id`` tells it from every other."""

    id: str
    route: str
    kind: str
    time_ms: int
    lines: tuple[Line, ...]


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A notice for one channel that has not arrived yet; ``next_ms`` is when it is tried again."""

    notice: Notice
    channel: str
    next_ms: int
    attempts: int = 0

    @property
    def key(self) -> str:
        """What tells it from every other: whoever gets it twice knows it by that."""
        return f"{self.notice.id}/{self.channel}"


class Report(msgspec.Struct, frozen=True):
    """How an attempt ended: ``reason`` says why it failed, ``reference`` what the receiver calls it."""

    key: str
    attempt: int
    sent: bool
    time_ms: int
    reason: str = ""
    reference: str = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt on record. ``again``: its notice had arrived before."""

    key: str
    route: str
    channel: str
    kind: str
    cases: tuple[str, ...]
    attempt: int
    ending: Ending
    time_ms: int
    reason: str = ""
    reference: str = ""
    again: bool = False


def pause_ms(attempts: int) -> int:
    """Return how long to wait after so many attempts in a row that failed.

    >>> [pause_ms(n) // 1000 for n in (1, 2, 3, 20)]
    [10, 20, 40, 1800]
    """
    return int(min(_PAUSE_MS * 2 ** min(attempts - 1, 20), _LONGEST_PAUSE_MS))
