"""A store of cases that are led, as the workers would, by one book: what pages are tested over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from models.cases.book import Answer, CaseBook, Change
from models.cases.machine import Signal
from models.cases.people import Command, check
from models.cases.stops import StopCommand
from models.cases.stops import check as check_stop
from models.delivery.notice import Delivery, Ending
from models.event_time import DAY_MS
from models.risk.explanation import Reason
from streams.stores.case_points import case_point, entry_point
from streams.stores.planned_stops import stop_point
from streams.stores.store import Store
from tests.support.case_life import signal

DAY = 20_454  # 2026-01-01
BEARING = Reason("bearing_temp", "thrust bearing temperature", "degC", 78.3, 61.2, 2.0, "78.3 °C", "61.2 °C")


@dataclass
class LedCases:
    """Cases of a store; ``asked`` are the commands that came."""

    store: Store
    book: CaseBook = field(default_factory=lambda: CaseBook(14 * DAY_MS))
    asked: list[Command] = field(default_factory=list)

    def hear(self, said: Signal) -> None:
        """Take in what a machine does."""
        self._keep(self.book.hear(replace(said, evidence=replace(said.evidence, sensors=(BEARING,)))))

    def ask(self, command: Command) -> Answer:
        """Do what somebody asks."""
        check(command)
        self.asked.append(command)
        answer, change = self.book.ask(command)
        self._keep(change)
        return answer

    def plan(self, commands: Sequence[StopCommand]) -> list[Answer]:
        """Do what somebody asks of planned stops."""
        answers = []
        for command in commands:
            check_stop(command)
            answer, change = self.book.plan(command)
            self._keep(change)
            answers.append(answer)
        return answers

    def _keep(self, change: Change) -> None:
        """Write what is new to the store."""
        self.store.add(entry_point(entry) for entry in change.entries)
        if change.case is not None:
            self.store.add([case_point(change.case)])
        if change.stop is not None:
            self.store.add([stop_point(change.stop)])
        self.store.flush()

    def version(self, asset: str) -> int:
        """Return the version that a machine's case has now."""
        case = self.book.remember(asset).case
        return case.version if case else 0

    def begin(self) -> None:
        """Open a few cases, one of which has ended by itself."""
        self.hear(signal("open", DAY, asset="CH-0001", latest_d=6))
        self.hear(signal("open", DAY, asset="CH-0002", severity="critical", latest_d=2))
        self.hear(signal("open", DAY - 3, asset="CH-0003"))
        self.hear(signal("closed", DAY - 3, day=DAY, asset="CH-0003", reason="event"))


def case_of(asset: str, day: int = DAY) -> str:
    """Return the name of a machine's case."""
    return f"{asset}-{day * DAY_MS}"


def sent(case: str, attempt: int, ending: Ending, *, key: str = "n1", channel: str = "ops") -> Delivery:
    """Return an attempt to tell of a case, one a minute from its opening on."""
    return Delivery(
        key=f"{key}/{channel}",
        route="critical",
        channel=channel,
        kind="opened",
        cases=(case,),
        attempt=attempt,
        ending=ending,
        time_ms=DAY * DAY_MS + attempt * 60_000,
        reason="" if ending == "sent" else "<no> route to host",
    )
