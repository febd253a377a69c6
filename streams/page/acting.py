"""Doing something to a case for somebody: allowed, asked and put on record, in one place for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.cases.book import Answer
from models.cases.case import Case
from models.cases.people import Command
from models.cases.stops import StopCommand
from models.errors import ChillcastError, ForbiddenError, UnavailableError
from streams.access.audit import Audit, Deed
from streams.access.roles import Person, right_of
from streams.stores.case_reader import await_stored
from streams.stores.store import Reader

Ask = Callable[[Command], Answer]
AskStops = Callable[[Sequence[StopCommand]], list[Answer]]


@dataclass(frozen=True, slots=True)
class Acting:
    """``ask`` brings a command to the cases worker; ``audit`` is None if nothing is put on record."""

    ask: Ask
    reader: Reader
    audit: Audit | None = None

    def do(self, person: Person, command: Command, case: Case) -> Answer:
        """Do what somebody asks of a case as they saw it; return when whoever looks next sees it.

        It is on record before it is asked. Raises ForbiddenError if they may not, and what ``ask`` raises.
        """
        has = case.assigned.name if case.assigned else ""
        try:
            person.require(right_of(command, has))
            self._write(person, command, case, "asked")
            answer = self.ask(command)
        except ChillcastError as error:
            self._write(person, command, case, result_of(error), str(error))
            raise
        result, why = ("done", f"version {answer.version}") if answer.accepted else ("refused", answer.reason)
        self._write(person, command, case, result, why)
        if answer.accepted and answer.case is not None:
            await_stored(self.reader, answer.case)
        return answer

    def _write(self, person: Person, command: Command, case: Case, result: str, why: str = "") -> None:
        if self.audit is not None:
            detail = f"command {command.id}{': ' if why else ''}{why}"
            self.audit.write(person, Deed(command.action, f"case {case.case}", result, detail))


def result_of(error: ChillcastError) -> str:
    """Return what came of something in a word, if it ended in an error."""
    if isinstance(error, ForbiddenError):
        return "forbidden"
    return "no answer" if isinstance(error, UnavailableError) else "refused"
