"""`chillcast cases …` through the API of a page, with the rights of a token."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chillcast.cli.app import app
from models.cases.case import Case
from models.errors import ConfigError, ForbiddenError, RecordError, RefusedError, UnavailableError
from models.event_time import DAY_MS
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.page.door import Door
from streams.stores.sqlite import SqliteStore
from tests.support.browser import serve
from tests.support.case_store import DAY, LedCases, case_of
from tests.support.commands import printed
from tests.support.page import FLEET
from tests.support.people import BY, Hand, door_with

As = Callable[[str], None]


@pytest.fixture
def led(tmp_path: Path) -> LedCases:
    found = LedCases(SqliteStore(tmp_path / "store.db"))
    found.begin()
    return found


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return door_with(tmp_path / "page", Hand(), "viewer")


@pytest.fixture
def address(led: LedCases, door: Door) -> Iterator[str]:
    work = CaseWork(led.ask, audit=door.audit, plan=led.plan)
    yield from serve(create_app(led.store, FLEET, clock=lambda: (DAY + 1) * DAY_MS, work=work, door=door))


@pytest.fixture
def act_as(address: str, door: Door, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> As:
    """Return a function that gives this terminal a token of a role."""

    def act(role: str) -> None:
        monkeypatch.setenv("CHILLCAST_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("CHILLCAST_API_URL", address + "/")
        monkeypatch.setenv("CHILLCAST_API_TOKEN", door.tokens.create(f"{role} token", role, 1, BY))

    return act


def case_now(led: LedCases) -> Case:
    case = led.book.remember("CH-0001").case
    assert case is not None
    return case


def error_of(*words: str) -> BaseException:
    error = CliRunner().invoke(app, ["cases", *words]).exception
    assert error is not None
    return error


def test_a_case_is_led_from_its_opening_to_a_label(act_as: As, led: LedCases, door: Door) -> None:
    act_as("lead")
    assert "acknowledged" in printed("cases", "ack", "CH-0001", "--text", "on my way")
    printed("cases", "assign", case_of("CH-0001"), "bob")
    printed("cases", "assign", "CH-0001", "")
    printed("cases", "comment", "CH-0001", "oil is fine")
    assert "snoozed" in printed("cases", "snooze", "CH-0001", "2199-01-01")
    printed("cases", "snooze", "CH-0001", "now")
    said: dict[str, Any] = json.loads(
        printed("cases", "resolve", "CH-0001", "confirmed", "--downtime-h", "2.5", "--json")
    )
    assert (said["done"], said["state"], said["version"]) == ("resolve", "resolved", 8)
    assert case_now(led).resolved is not None
    assert {command.who for command in led.asked} == {"lead token"}
    assert {line.via for line in door.audit.read(words="case ")} == {"token"}


@pytest.mark.parametrize(
    ("role", "words", "kind", "said"),
    [
        ("viewer", ("ack", "CH-0001"), ForbiddenError, "viewer: may not acknowledge a case"),
        ("technician", ("assign", "CH-0001", "bob"), ForbiddenError, "technician: may not give a case"),
        ("lead", ("assign", "CH-0001", "bob", "--version", "0"), RefusedError, "version 0 is stale"),
        ("lead", ("ack", "CH-7777"), RecordError, "case = 'CH-7777': there is none"),
        ("lead", ("comment", "CH-0001", " "), RecordError, "expected what is to be said"),
        ("lead", ("snooze", "CH-0001", "soon"), RecordError, "at = 'soon': expected a date"),
        ("lead", ("ack", "CH-0001", "--who", "bob"), ConfigError, "the token says who it is"),
    ],
)
def test_what_the_role_may_not_or_makes_no_sense_is_refused(
    act_as: As, led: LedCases, role: str, words: tuple[str, ...], kind: type[Exception], said: str
) -> None:
    act_as(role)
    before = case_now(led)
    error = error_of(*words)
    assert isinstance(error, kind)
    assert said in str(error)
    assert case_now(led) == before


def test_a_token_that_does_not_hold_is_blamed_and_not_shown(
    act_as: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as("lead")
    monkeypatch.setenv("CHILLCAST_API_TOKEN", "no-token-of-theirs")
    error = error_of("ack", "CH-0001")
    assert isinstance(error, ConfigError)
    assert "CHILLCAST_API_TOKEN" in str(error)
    assert "no-token-of-theirs" not in str(error)


def test_a_page_that_is_away_and_an_address_without_a_token_are_named(
    act_as: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as("lead")
    monkeypatch.setenv("CHILLCAST_API_URL", "http://127.0.0.1:9")
    error = error_of("ack", "CH-0001")
    assert isinstance(error, UnavailableError)
    assert "the page http://127.0.0.1:9 does not answer" in str(error)
    monkeypatch.delenv("CHILLCAST_API_TOKEN")
    assert "CHILLCAST_API_URL = 'http://127.0.0.1:9': expected an address, and a token" in str(
        error_of("ack", "CH-0001")
    )


def test_a_stop_is_planned_by_whom_the_token_names(act_as: As, led: LedCases, door: Door) -> None:
    act_as("technician")
    span = ("--from", "2026-01-05T08:00", "--until", "2026-01-06", "--text", "coils", "--json")
    said: dict[str, Any] = json.loads(printed("plans", "add", "--machine", "CH-0001", *span))
    assert (said["of"], said["state"], said["machines"], said["refused"]) == ("CH-0001", "planned", 1, None)
    assert (said["from"], said["until"]) == ("2026-01-05T08:00:00+00:00", "2026-01-07T00:00:00+00:00")
    assert [stop.who for stop in led.book.remember("CH-0001").stops] == ["technician token"]
    gone = json.loads(printed("plans", "cancel", said["plan"], "--json"))
    assert gone["state"] == "cancelled"
    assert [line.result for line in door.audit.read(words="plan ")] == ["done", "asked"] * 2


@pytest.mark.parametrize(
    ("role", "words", "kind", "said"),
    [
        ("viewer", ("--machine", "CH-0001"), ForbiddenError, "viewer: may not enter planned stops"),
        ("lead", ("--machine", "CH-0001", "--who", "bob"), ConfigError, "the token says who it is"),
        ("lead", (), RecordError, "machine and site: expected one of them"),
        ("lead", ("--site", "Kiel"), RecordError, "the inventory tells no site"),
    ],
)
def test_a_plan_that_may_not_be_or_makes_no_sense_is_refused(
    act_as: As, led: LedCases, role: str, words: tuple[str, ...], kind: type[Exception], said: str
) -> None:
    act_as(role)
    span = ("--from", "2026-01-05", "--until", "2026-01-06")
    error = CliRunner().invoke(app, ["plans", "add", *words, *span]).exception
    assert isinstance(error, kind)
    assert said in str(error)
    assert led.book.remember("CH-0001").stops == ()
