"""Refusals are on record seldom enough that no stranger fills the disk with them."""

from __future__ import annotations

from pathlib import Path

from streams.access.audit import Deed
from streams.access.roles import Person
from tests.support.people import Hand, door_with


def test_one_line_a_minute_of_a_name_and_of_an_address_is_on_record(tmp_path: Path) -> None:
    clock = Hand()
    door = door_with(tmp_path, clock)
    said = [("ann", "a"), ("ann", "b"), ("bob", "a"), ("bob", "c"), ("", "c"), ("", "d")]
    for _ in range(2):
        for name, address in said:
            person = Person(name, "viewer", "password", address)
            door.refusals.write(person, Deed("sign in", f"user {name}", "locked out"))
        clock.pass_by(1)
    found = [(line.who, line.address) for line in reversed(door.audit.read(words="locked out"))]
    assert found == 2 * [("ann", "a"), ("bob", "c"), ("", "d")]


def test_refusals_of_another_kind_do_not_hide_it(tmp_path: Path) -> None:
    door = door_with(tmp_path, Hand())
    for result in ("refused", "locked out"):
        door.refusals.write(Person("ann", "viewer", "password", "a"), Deed("sign in", "user ann", result))
    assert [line.result for line in door.audit.read(words="user ann")] == ["locked out", "refused"]
