"""Finding a case, and asking something of it, as a person at a terminal does."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from chillcast.cases.shown import as_csv, detail, row
from chillcast.pipeline.pipeline import wait_for_configured_broker
from chillcast.resources import Resources
from models.cases.case import OUTCOMES, STATES, Case
from models.cases.people import made
from models.errors import ConfigError, RefusedError
from models.fleet.site_times import instead
from models.registry.promotion import whoever
from streams.stores.case_reader import (
    await_stored,
    case_named,
    every_case,
    history_of,
    present_cases,
    seen_ms,
)


class Desk:
    """Cases as the store has them, and the worker that changes them."""

    def __init__(self, resources: Resources) -> None:
        self.resources, self.times = resources, resources.site_times

    def rows(
        self, states: Iterable[str] = (), assignee: str | None = None, words: str = ""
    ) -> list[dict[str, Any]]:
        """Return the cases in some states, open ones if none is named, of an assignee ("" for nobody)."""
        wanted = [_known_state(state) for state in states]
        now_ms = self._now_ms()
        return [
            row(case, self.times, now_ms)
            for case in self._present()
            if (case.state(now_ms) in wanted if wanted else case.is_open)
            and (assignee is None or assignee == (case.assigned.name if case.assigned else ""))
            and words.lower() in f"{case.case} {case.evidence.fault} {case.evidence.text}".lower()
        ]

    def show(self, name: str) -> dict[str, Any]:
        """Return all that is known of a case, named by itself or by its machine."""
        with closing(self.resources.open_reader()) as reader:
            case = _known(name, case_named(reader, name))
            return detail(case, history_of(reader, case), self.times, self._now_ms())

    def export(self) -> str:
        """Return every case there ever was as CSV, the newest first."""
        with closing(self.resources.open_reader()) as reader:
            return as_csv(every_case(reader), self.times, self._now_ms())

    def ask(
        self, name: str, action: str, who: str | None = None, *, version: int | None = None, **more: Any
    ) -> dict[str, Any]:
        """Do something to a case, as the user of this session unless told ``who``; return it as it is then.

        Raises RefusedError with the case as it is.
        """
        case, who = self._named(name), who or whoever()
        now_ms = self.resources.clock.now_ms()
        said = {"asset": case.asset, "case": case.case, "action": action, "who": who, "time_ms": now_ms}
        told = {"id": uuid.uuid4().hex, "version": case.version if version is None else version}
        command = made({**said, **told, "as_of_ms": self._seen_ms(now_ms), **more})
        wait_for_configured_broker(self.resources.settings, lambda _: None)
        answer = self.resources.case_line.ask(command)
        present = answer.case or case
        shown = row(present, self.times, self._now_ms())
        if not answer.accepted:
            raise RefusedError(f"{action} {case.case}: refused: {answer.reason}; {_in_words(shown)}")
        with closing(self.resources.open_reader()) as reader:
            await_stored(reader, present, self.resources.clock.monotonic_s)
        return {"done": action, **shown}

    def until(self, name: str, text: str) -> dict[str, Any]:
        """Return what a snooze lasts until: worse, cleared, or a date or time of the site."""
        if text in ("worse", "cleared"):
            return {"until": text}
        case = self._named(name)
        try:
            return {"until": "date", "until_ms": self.times.read(case.asset, text)}
        except ValueError as error:
            expected = "worse, cleared, or a date or time of the site, as 2026-02-01 or 2026-02-01T08:00"
            raise ConfigError("command line", "until", text, instead(error, expected)) from error

    def _present(self) -> list[Case]:
        with closing(self.resources.open_reader()) as reader:
            return present_cases(reader)

    def _named(self, name: str) -> Case:
        with closing(self.resources.open_reader()) as reader:
            return _known(name, case_named(reader, name))

    def _now_ms(self) -> int:
        return self._seen_ms(self.resources.clock.now_ms())

    def _seen_ms(self, now_ms: int) -> int:
        with closing(self.resources.open_reader()) as reader:
            return seen_ms(reader, now_ms)


def _known(name: str, case: Case | None) -> Case:
    """Return a case; ConfigError if there is none of that name."""
    if case is not None:
        return case
    expected = "a case or a machine that has one, as chillcast cases list --all names them"
    raise ConfigError("command line", "case", name, expected)


def known_outcome(name: str) -> str:
    """Return an outcome; ConfigError if there is none of that name."""
    if name not in OUTCOMES:
        raise ConfigError("command line", "outcome", name, f"one of {', '.join(OUTCOMES)}")
    return name


def _known_state(name: str) -> str:
    if name not in STATES:
        raise ConfigError("command line", "state", name, f"one of {', '.join(STATES)}")
    return name


def _in_words(shown: dict[str, Any]) -> str:
    who = f", assigned to {shown['assignee']}" if shown["assignee"] else ""
    return f"it is {shown['state']}, {shown['severity']}, version {shown['version']}{who}"
