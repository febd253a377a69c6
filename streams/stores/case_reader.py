"""Cases as a store has them: which there are, the worst first, and what was done to each."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence

from models.cases.case import Case, Entry
from models.event_time import DAY_MS, LATEST_MS
from streams.stores.case_points import rank_of, read_case, read_entry
from streams.stores.store import Reader

_STORED_S, _AGAIN_S = 5.0, 0.1


def present_cases(reader: Reader) -> list[Case]:
    """Return the case of each machine, that which is open or was last, the worst first."""
    return worst_first(read_case(row) for row in reader.latest("cases"))


def every_case(reader: Reader) -> list[Case]:
    """Return every case there ever was, the newest first."""
    assets = [row.tags["asset"] for row in reader.latest("cases")]
    found = [case for asset in assets for case in cases_of(reader, asset)]
    return sorted(found, key=lambda case: (-case.opened_ms, case.asset))


def case_named(reader: Reader, name: str) -> Case | None:
    """Return the case of a name, or the present one of a machine; None if there is none.

    A case is called after its machine and its first opening, so that one machine is read and not all.
    """
    asset = name.rpartition("-")[0]
    found = [case for case in cases_of(reader, asset) if case.case == name] if asset else []
    return next(iter([*found, *cases_of(reader, name)]), None)


def cases_of(reader: Reader, asset: str) -> list[Case]:
    """Return the cases of one machine, the newest first."""
    return [read_case(row) for row in reversed(reader.history("cases", asset, 0, LATEST_MS))]


def history_of(reader: Reader, case: Case) -> list[Entry]:
    """Return what was done to a case, oldest first."""
    entries = [entry for entry in entries_of(reader, case.asset) if entry.case == case.case]
    return sorted(entries, key=lambda entry: entry.version)


def entries_of(reader: Reader, asset: str, since_ms: int = 0) -> list[Entry]:
    """Return what was done to the cases of one machine since a time, oldest first."""
    return [read_entry(row) for row in reader.history("case_history", asset, since_ms, LATEST_MS)]


def await_stored(
    reader: Reader,
    case: Case,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until a store has a case as it is now, so that who looks next sees it; but not for ever."""
    until_s = clock() + _STORED_S
    while clock() < until_s:
        if any(c.case == case.case and c.version >= case.version for c in cases_of(reader, case.asset)):
            return
        sleep(_AGAIN_S)


def worst_first(cases: Iterable[Case]) -> list[Case]:
    """Return cases by what is to be done first: open, critical, soonest, most probable."""
    return sorted(cases, key=rank_of)


def seen_ms(reader: Reader, now_ms: int) -> int:
    """Return up to which event time somebody who looks at a store now sees the machines."""
    return seen_until(watermarks_of(reader), now_ms)


def seen_until(watermarks: Collection[int], now_ms: int) -> int:
    """Return up to which event time somebody who looks now sees the machines.

    That is now, unless the newest watermark is more than a day before it: then a replay is shown.

    >>> seen_until([5, 7], 9), seen_until([5, 7], 8 + 86_400_000), seen_until([], 9)
    (9, 7, 9)
    """
    newest_ms = max(watermarks, default=now_ms)
    return newest_ms if now_ms - newest_ms > DAY_MS else now_ms


def watermarks_of(reader: Reader) -> Sequence[int]:
    """Return how far the scores of each partition have come."""
    found = (row.fields.get("time_ms") for row in reader.latest("watermarks"))
    return [int(time_ms) for time_ms in found if isinstance(time_ms, float)]
