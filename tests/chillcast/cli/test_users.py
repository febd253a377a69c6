"""`chillcast users …`, as typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chillcast.cli.app import app
from streams.access.audit import Audit
from streams.access.database import Database
from streams.access.users import Users
from tests.support.people import Hand

LONG = "correct horse battery"
Say = Callable[..., Result]


@pytest.fixture
def say(tmp_path: Path) -> Say:
    def said(*words: str, typed: str = "") -> Result:
        return CliRunner().invoke(app, ["users", *words, "--home", str(tmp_path)], input=typed)

    return said


def test_people_are_added_listed_changed_and_removed(say: Say, tmp_path: Path) -> None:
    users = Users(Audit(Database(tmp_path / "access.db"), Hand()))
    assert say("list").stdout == "none\n"
    assert say("add", "ann", "viewer", typed=LONG + "\n").stdout == "ann: viewer\n"
    assert users.check("ann", LONG) == "viewer"
    assert say("role", "ann", "lead").stdout == "ann: lead\n"
    assert say("passwd", "ann", typed="another password\n").exit_code == 0
    assert users.check("ann", "another password") == "lead"
    (row,) = json.loads(say("list", "--json").stdout)
    assert (row["name"], row["role"]) == ("ann", "lead")
    assert say("sign-out", "ann").stdout == "ann: 0 sessions ended\n"
    assert say("remove", "ann").stdout == "ann: removed\n"
    assert json.loads(say("list", "--json").stdout) == []
    assert {line.via for line in users.audit.read()} == {"command"}


@pytest.mark.parametrize(
    ("words", "typed", "reason"),
    [
        (("add", "ann", "boss"), LONG, "users: role = 'boss': expected one of viewer, technician"),
        (("add", " ", "lead"), LONG, "users: name = ' ': expected 1 to 128 printable"),
        (("add", "ann", "lead"), "short", "password: length = 5: expected 12 to 1024 characters"),
        (("add", "ann", "lead"), "", "password: length = 0"),
        (("passwd", "bob"), LONG, "users: name = 'bob': expected one that chillcast users list names"),
        (("remove", "bob"), "", "users: name = 'bob'"),
    ],
)
def test_what_cannot_be_is_refused_and_no_password_is_shown(
    say: Say, words: tuple[str, ...], typed: str, reason: str
) -> None:
    found = say(*words, typed=typed)
    assert reason in str(found.exception)
    assert LONG not in found.output + str(found.exception)
