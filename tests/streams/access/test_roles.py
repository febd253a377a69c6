"""The table of what each role may do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from models.cases.people import ACTIONS
from models.errors import ForbiddenError
from streams.access.roles import MAY, MEANINGS, RIGHTS, ROLES, Person, Right, right_of
from tests.support.case_life import asks

DOCUMENT = Path(__file__).parents[3] / "docs" / "security.md"


def test_the_table_of_the_documentation_is_that_of_the_code() -> None:
    said = re.findall(r"^\| `([a-z]+)`: (.*?) \|(.*)\|$", DOCUMENT.read_text(encoding="utf-8"), re.M)
    rows = {
        right: (meaning, [cell.strip() == "yes" for cell in cells.split("|")])
        for right, meaning, cells in said
    }
    assert rows == {right: (MEANINGS[right], [right in MAY[role] for role in ROLES]) for right in RIGHTS}


def test_everybody_may_look_and_only_an_admin_may_do_everything() -> None:
    assert all("see" in MAY[role] for role in ROLES)
    assert [role for role in ROLES if MAY[role] == set(RIGHTS)] == ["admin"]
    assert MAY["viewer"] == {"see"}


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_needs_a_right(action: str) -> None:
    command = asks(action, 1, who="ann", assignee="bob")
    assert right_of(command, "") in set(RIGHTS) - {"see"}


@pytest.mark.parametrize(
    ("has", "to", "right"),
    [
        ("", "ann", "take"),
        ("ann", "", "take"),
        ("ann", "ann", "take"),
        ("", "bob", "assign"),
        ("bob", "ann", "assign"),
        ("bob", "", "assign"),
        ("ann", "bob", "assign"),
    ],
)
def test_to_take_a_case_is_less_than_to_give_it_to_somebody(has: str, to: str, right: Right) -> None:
    assert right_of(asks("assign", 1, who="ann", assignee=to), has) == right


def test_a_refusal_names_who_may() -> None:
    with pytest.raises(ForbiddenError, match=r"technician: may not give a case.*; lead, admin may"):
        Person("ann", "technician", "password").require("assign")
    Person("ann", "lead", "password").require("assign")
