"""`chillcast tokens …` and `chillcast audit`, as typed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from streams.access.api_tokens import ApiTokens
from streams.access.audit import Audit
from streams.access.database import Database
from tests.support.commands import printed, refused
from tests.support.people import Hand


def test_tokens_are_made_listed_and_revoked(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path))
    token = printed("tokens", "create", "cmms", "technician", "--days", "7", *home).strip()
    known = ApiTokens(Audit(Database(tmp_path / "access.db"), Hand()))
    person = known.person(token)
    assert person is not None
    assert (person.name, person.role) == ("cmms", "technician")
    assert json.loads(printed("tokens", "create", "x", "viewer", "--json", *home))["token"] != token
    rows = {row["name"]: row for row in json.loads(printed("tokens", "list", "--json", *home))}
    assert rows["cmms"]["role"] == "technician"
    assert token not in printed("tokens", "list", *home)
    printed("tokens", "revoke", rows["cmms"]["id"], *home)
    assert known.person(token) is None
    assert "tokens: id = 'nope'" in refused("tokens", "revoke", "nope", *home)


def test_the_record_is_listed_and_a_broken_one_is_named(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path))
    assert printed("audit", *home) == "none\n"
    printed("tokens", "create", "cmms", "viewer", *home)
    printed("tokens", "create", "bms", "viewer", *home)
    (line,) = json.loads(printed("audit", "cmms", "--json", *home))
    assert (line["action"], line["result"], line["via"]) == ("create token", "done", "command")
    assert len(json.loads(printed("audit", "--json", *home))) == 2
    assert json.loads(printed("audit", "--since", "2199-01-01", "--json", *home)) == []
    with sqlite3.connect(tmp_path / "access.db") as database:
        database.execute("DROP TRIGGER audit_is_kept")
        database.execute("DELETE FROM audit WHERE number = 1")
    database.close()
    assert "line 1 of the record is not as it was written" in refused("audit", *home)
