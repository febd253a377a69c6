from __future__ import annotations

from pathlib import Path

import argon2
import pytest

from models.errors import ConfigError, UnavailableError
from streams.access.audit import Audit
from streams.access.database import Database
from streams.access.passwords import Passwords
from streams.access.roles import Person
from streams.access.sessions import Sessions
from streams.access.users import Users
from tests.support.people import BY, QUICK, Hand

LONG = "correct horse battery"


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return Users(Audit(Database(tmp_path / "home" / "access.db"), Hand()), QUICK)


def test_before_anybody_was_added_there_is_nobody_and_no_file(users: Users) -> None:
    assert (users.every(), users.are_there, users.role_of("ann"), users.check("ann", LONG)) == (
        [],
        False,
        None,
        None,
    )
    assert not users.database.path.exists()


def test_somebody_who_was_added_has_a_role_and_a_password(users: Users) -> None:
    users.add("Ann Ö", "lead", LONG, BY)
    assert users.check("Ann Ö", LONG) == "lead"
    assert users.check("Ann Ö", LONG + ".") is None
    assert users.check("ann ö", LONG) is None
    assert [(u.name, u.role) for u in users.every()] == [("Ann Ö", "lead")]


def test_nobody_but_its_owner_reads_the_file_and_no_password_stands_in_it(users: Users) -> None:
    users.add("ann", "lead", LONG, BY)
    assert users.database.path.stat().st_mode & 0o777 == 0o600
    written = users.database.path.read_bytes()
    assert LONG.encode() not in written
    assert b"$argon2id$" in written


@pytest.mark.parametrize(
    ("name", "role", "password", "words"),
    [
        ("", "lead", LONG, "name = '': expected 1 to 128 printable characters"),
        (" ann", "lead", LONG, "name = ' ann'"),
        ("a\nb", "lead", LONG, "name"),
        ("a" * 129, "lead", LONG, "name"),
        (
            "ann",
            "boss",
            LONG,
            "role = 'boss': expected one of viewer, technician, lead, data-scientist",
        ),
        ("ann", "lead", "short", "password: length = 5: expected 12 to 1024 characters"),
        ("bob", "lead", LONG, "name = 'bob': expected one that there is not yet"),
    ],
)
def test_what_cannot_be_added_is_refused_by_name(
    users: Users, name: str, role: str, password: str, words: str
) -> None:
    users.add("bob", "viewer", LONG, BY)
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")):
        users.add(name, role, password, BY)
    assert [u.name for u in users.every()] == ["bob"]


def test_roles_and_passwords_change_and_somebody_who_was_removed_is_gone(users: Users) -> None:
    users.add("ann", "viewer", LONG, BY)
    users.set_role("ann", "admin", BY)
    users.set_password("ann", "another password", BY)
    assert (users.check("ann", LONG), users.check("ann", "another password")) == (None, "admin")
    users.remove("ann", BY)
    assert users.check("ann", "another password") is None
    for change in (users.remove, lambda name, by: users.set_role(name, "lead", by)):
        with pytest.raises(ConfigError, match="expected one that chillcast users list names"):
            change("ann", BY)


def test_every_change_is_on_record_with_who_made_it(users: Users) -> None:
    users.add("ann", "viewer", LONG, BY)
    users.set_role("ann", "lead", BY)
    users.set_password("ann", LONG + "!", BY)
    users.remove("ann", BY)
    lines = reversed(users.audit.read())
    assert [(e.who, e.via, e.action, e.about, e.detail) for e in lines] == [
        ("root", "command", "add user", "user ann", "viewer"),
        ("root", "command", "give role", "user ann", "lead"),
        ("root", "command", "set password", "user ann", ""),
        ("root", "command", "remove user", "user ann", ""),
    ]


def test_who_is_signed_out_has_no_session_whoever_knows_them(users: Users) -> None:
    users.add("ann", "lead", LONG, BY)
    sessions = Sessions(users.audit, users)
    ours = [sessions.begin(Person("ann", "lead", via)) for via in ("password", "oidc")]
    other = sessions.begin(Person("bob", "lead", "oidc"))
    assert users.sign_out("ann", BY) == 2
    assert [sessions.person(secret) for secret in ours] == [None, None]
    assert sessions.person(other)
    assert users.audit.read()[0].action == "end sessions"


def test_a_hash_of_weaker_parameters_is_made_anew_at_the_next_sign_in(users: Users, tmp_path: Path) -> None:
    users.add("ann", "lead", LONG, BY)
    before = users.database.path.read_bytes()
    stronger = Passwords(argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    later = Users(users.audit, stronger)
    assert later.check("ann", LONG) == "lead"
    assert users.database.path.read_bytes() != before
    assert later.check("ann", LONG) == "lead"


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "access.db").write_bytes(b"not a database" * 100)
    users = Users(Audit(Database(tmp_path / "access.db"), Hand()), QUICK)
    with pytest.raises(UnavailableError, match=r"access\.db: people and their rights cannot be read"):
        users.check("ann", LONG)
