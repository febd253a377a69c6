from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import ConfigError
from streams.access.api_tokens import ApiTokens
from streams.access.audit import Audit
from streams.access.database import Database
from streams.access.roles import Person
from tests.support.people import BY, Hand


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def tokens(tmp_path: Path, clock: Hand) -> ApiTokens:
    return ApiTokens(Audit(Database(tmp_path / "access.db"), clock))


def test_a_token_stands_for_its_name_and_role_until_its_end(tokens: ApiTokens, clock: Hand) -> None:
    token = tokens.create("cmms", "technician", 2, BY)
    assert tokens.person(token, "10.0.0.1") == Person("cmms", "technician", "token", "10.0.0.1")
    assert tokens.person(token + "x") is None
    assert tokens.person("") is None
    clock.pass_by(2 * 24 * 60 - 1)
    assert tokens.person(token)
    clock.pass_by(1)
    assert tokens.person(token) is None
    assert [t.name for t in tokens.every()] == ["cmms"]


def test_only_its_hash_is_kept(tokens: ApiTokens) -> None:
    token = tokens.create("cmms", "viewer", 1, BY)
    assert token.startswith("chillcast_")
    assert len(token) > 50
    assert token.removeprefix("chillcast_").encode() not in tokens.database.path.read_bytes()


def test_a_token_that_was_revoked_holds_no_longer(tokens: ApiTokens) -> None:
    first, second = (tokens.create("cmms", "viewer", 1, BY) for _ in "ab")
    keys = {t.id for t in tokens.every()}
    for key in keys:
        tokens.revoke(key, BY)
    assert (tokens.person(first), tokens.person(second), tokens.every()) == (None, None, [])
    with pytest.raises(ConfigError, match="expected one that chillcast tokens list names"):
        tokens.revoke(keys.pop(), BY)


@pytest.mark.parametrize(
    ("name", "role", "days", "words"),
    [
        ("", "viewer", 1, "name = ''"),
        ("a", "boss", 1, "role"),
        ("a", "viewer", 0, "days = 0: expected 1"),
    ],
)
def test_what_cannot_be_is_refused(tokens: ApiTokens, name: str, role: str, days: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        tokens.create(name, role, days, BY)
    assert tokens.every() == []


def test_what_is_made_and_revoked_is_on_record_without_the_token(tokens: ApiTokens) -> None:
    token = tokens.create("cmms", "viewer", 1, BY)
    (made,) = tokens.every()
    tokens.revoke(made.id, BY)
    lines = tokens.audit.read()
    assert [(e.who, e.action, e.about) for e in lines] == [
        ("root", "revoke token", f"token {made.id}"),
        ("root", "create token", f"token {made.id}"),
    ]
    assert token not in str(lines)
