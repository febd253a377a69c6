from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from streams.access.roles import Person
from streams.access.sessions import PASSWORD, Sessions, Span
from streams.page.door import Door
from tests.support.people import BY, MINUTE_MS, Hand, door_with

ANN = Person("lead", "lead", PASSWORD, "10.0.0.1")


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def door(tmp_path: Path, clock: Hand) -> Door:
    return door_with(tmp_path, clock, "lead")


@pytest.fixture
def sessions(door: Door) -> Sessions:
    return Sessions(door.audit, door.users, Span(idle_ms=60 * MINUTE_MS, whole_ms=180 * MINUTE_MS))


def test_who_shows_what_they_were_given_is_known_and_nobody_else(sessions: Sessions) -> None:
    secret = sessions.begin(ANN)
    assert sessions.person(secret, "10.0.0.2") == Person("lead", "lead", PASSWORD, "10.0.0.2")
    assert sessions.person(secret[:-1]) is None
    assert sessions.person("ä\ud800") is None


def test_what_a_browser_shows_is_not_kept(sessions: Sessions) -> None:
    secret = sessions.begin(ANN)
    assert secret.encode() not in sessions.database.path.read_bytes()


def test_a_session_ends_after_a_time_without_a_request(sessions: Sessions, clock: Hand) -> None:
    secret = sessions.begin(ANN)
    for _ in range(2):
        clock.pass_by(59)
        assert sessions.person(secret)
    clock.pass_by(60)
    assert sessions.person(secret) is None


def test_a_session_ends_in_any_case_after_a_longer_one(sessions: Sessions, clock: Hand) -> None:
    secret = sessions.begin(ANN)
    for _ in range(17):
        clock.pass_by(10)
        assert sessions.person(secret)
    clock.pass_by(10)
    assert sessions.person(secret) is None


def test_what_only_listens_does_not_keep_a_session_alive(sessions: Sessions, clock: Hand) -> None:
    secret = sessions.begin(ANN)
    clock.pass_by(40)
    assert sessions.person(secret, counts=False)
    clock.pass_by(40)
    assert sessions.person(secret) is None


def test_a_session_has_the_role_of_now_and_ends_with_its_user(sessions: Sessions, door: Door) -> None:
    secret = sessions.begin(ANN)
    door.users.set_role("lead", "viewer", BY)
    person = sessions.person(secret)
    assert person is not None
    assert person.role == "viewer"
    door.users.remove("lead", BY)
    assert sessions.person(secret) is None


def test_another_password_ends_a_session_and_so_does_signing_out(sessions: Sessions, door: Door) -> None:
    first, second = sessions.begin(ANN), sessions.begin(ANN)
    sessions.end(first, ANN)
    assert (sessions.person(first), sessions.person(second)) == (None, replace(ANN, address=""))
    door.users.set_password("lead", "another password", BY)
    assert sessions.person(second) is None


def test_sessions_that_are_over_are_forgotten(sessions: Sessions, clock: Hand) -> None:
    for _ in range(3):
        sessions.begin(ANN)
        clock.pass_by(61)
    with sessions.database.reading() as reading:
        assert reading is not None
        assert reading.execute("SELECT count(*) FROM sessions").fetchone() == (1,)


def tokens_left(sessions: Sessions) -> int:
    with sessions.database.reading() as reading:
        assert reading is not None
        return int(reading.execute("SELECT count(*) FROM id_tokens").fetchone()[0])


def test_who_signs_out_gets_the_token_of_their_own_session_at_the_provider(sessions: Sessions) -> None:
    first, second, own = sessions.begin(ANN, "one"), sessions.begin(ANN, "two"), sessions.begin(ANN)
    assert [sessions.end(secret, ANN) for secret in (second, own, first)] == ["two", "", "one"]
    assert sessions.end(first, ANN) == ""


def test_the_token_of_a_provider_is_gone_with_its_session_however_that_ends(
    sessions: Sessions, door: Door, clock: Hand
) -> None:
    sessions.end(sessions.begin(ANN, "x"), ANN)
    sessions.begin(ANN, "x")
    door.users.set_password("lead", "another password", BY)
    assert tokens_left(sessions) == 0
    sessions.begin(replace(ANN, name="eve", via="oidc"), "x")
    assert tokens_left(sessions) == 1
    clock.pass_by(61)
    sessions.begin(ANN)
    assert tokens_left(sessions) == 0


def test_a_session_of_a_file_from_before_ends_without_a_token(sessions: Sessions) -> None:
    secret = sessions.begin(ANN)
    with sqlite3.connect(sessions.database.path) as file:
        file.executescript("DROP TRIGGER id_token_goes_with_its_session; DROP TABLE id_tokens;")
        file.execute("PRAGMA user_version = 3")
    assert sessions.end(secret, ANN) == ""
    assert sessions.end(sessions.begin(ANN, "x"), ANN) == "x"
