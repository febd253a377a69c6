from __future__ import annotations

import pytest

from streams.wire.line_protocol import Line, parse_lines


def parsed(text: str) -> list[Line]:
    return list(parse_lines(text))


def test_a_line_holds_measurement_tags_fields_and_time() -> None:
    (line,) = parsed(
        r'opc\ ua\,1,host=P\ 2\,x\=y,s=1 a=1.5,b=-3i,c=3u,d=t,e=FALSE,f\ g="x \"y\" \\ \n" -5' + "\r\n"
    )
    assert line.record == {
        "name": "opc ua,1",
        "tags": {"host": "P 2,x=y", "s": "1"},
        "fields": {"a": 1.5, "b": -3, "c": 3, "d": True, "e": False, "f g": r'x "y" \ \n'},
        "timestamp": -5,
    }


def test_comments_and_empty_lines_are_passed_over_and_a_text_may_hold_ends_of_lines() -> None:
    found = parsed('# a comment\n\nm a="one\ntwo",b=1 5\nm a=1')
    assert [line.number for line in found] == [3, 5]
    assert [line.record and line.record["fields"] for line in found] == [{"a": "one\ntwo", "b": 1}, {"a": 1}]
    assert found[1].record is not None
    assert "timestamp" not in found[1].record


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("m", "'': expected a space, and fields"),
        ("m,host a=1", "' a=1': expected = after a tag host"),
        ("m,host= a=1", "' a=1': expected a value of tag host"),
        ("m a", "'': expected = after a field a"),
        ("m a=", "'': expected a value of field a"),
        ('m a="x', "'\"x': expected a text of field a, with its second \""),
        ("m a=1 then", "' then': expected a time, or the end of the line"),
        (" m a=1", "' m a=1': expected a measurement"),
    ],
)
def test_a_wrong_line_is_named_and_the_next_is_read(line: str, problem: str) -> None:
    wrong, right = parsed(f"{line}\nm a=1 7\n")
    assert wrong == Line(1, None, problem)
    assert right == Line(2, {"name": "m", "tags": {}, "fields": {"a": 1.0}, "timestamp": 7})


def test_a_word_that_is_no_number_is_left_to_the_reader_of_its_point() -> None:
    (line,) = parsed("m a=Bad,b=2")
    assert line.record is not None
    assert line.record["fields"] == {"a": "Bad", "b": 2}
