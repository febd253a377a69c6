"""What commands change is on record, whatever comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chillcast.cli.on_record import on_record
from chillcast.resources import open_audit
from chillcast.settings import read_settings
from models.errors import RefusedError
from tests.support.commands import printed, refused


def lines(home: Path) -> list[tuple[str, str, str]]:
    found = open_audit(read_settings(home=str(home))).read()
    return [(line.action, line.about, line.result) for line in reversed(found)]


def test_what_is_done_was_on_record_before(tmp_path: Path) -> None:
    with on_record(str(tmp_path), "touch", "thing it"):
        assert lines(tmp_path) == [("touch", "thing it", "asked")]
    assert lines(tmp_path)[1:] == [("touch", "thing it", "done")]


def test_what_is_refused_is_on_record_with_why(tmp_path: Path) -> None:
    with pytest.raises(RefusedError), on_record(str(tmp_path), "touch", "thing it"):
        raise RefusedError("not now")
    (last, _) = open_audit(read_settings(home=str(tmp_path))).read()
    assert (last.result, last.detail, last.via) == ("refused", "not now", "command")


@pytest.mark.parametrize(
    ("words", "action"),
    [
        (("models", "promote", "7", "--reason", "x"), "promote model"),
        (("models", "rollback", "--reason", "x"), "roll back model"),
        (("models", "register", "nothing.txt"), "register model"),
        (("data", "prune", "--before", "soon"), "prune data"),
    ],
)
def test_a_command_that_changes_something_is_on_record(
    tmp_path: Path, words: tuple[str, ...], action: str
) -> None:
    refused(*words, "--home", str(tmp_path))
    assert [(did, result) for did, _, result in lines(tmp_path)] == [(action, "asked"), (action, "refused")]
    assert action in printed("audit", "--home", str(tmp_path))
