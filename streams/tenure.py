"""Who scores what: from which offset of a partition on a version has a role.

The first offset of a tenure is written down, and durable, before any message from there on is processed; so
whoever sees a message again scores it with the version that scored it before.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable

from models.promotion import Role
from streams.messages import Tenure


class Schedule:
    """The tenures of one partition.

    >>> schedule = Schedule([Tenure(role="champion", version="1", sha256="a", offset=10)])
    >>> schedule.add(Tenure(role="champion", version="2", sha256="b", offset=20))
    >>> [schedule.at(offset, "champion").version for offset in (5, 19, 20)]
    ['1', '1', '2']
    """

    def __init__(self, tenures: Iterable[Tenure] = ()) -> None:
        self._tenures: dict[Role, list[Tenure]] = {}
        for tenure in tenures:
            self.add(tenure)

    def add(self, tenure: Tenure) -> None:
        """Take in one tenure; of two that begin at the same offset the later one counts."""
        known = self._tenures.setdefault(tenure.role, [])
        at = bisect.bisect_left(known, tenure.offset, key=_offset)
        same = at < len(known) and known[at].offset == tenure.offset
        known[at : at + same] = [tenure]

    def at(self, offset: int, role: Role) -> Tenure | None:
        """Return who has the role at an offset: before the first tenure already the first; None for none."""
        known = self._tenures.get(role)
        if not known:
            return None
        return known[max(bisect.bisect_right(known, offset, key=_offset) - 1, 0)]


def _offset(tenure: Tenure) -> int:
    return tenure.offset
