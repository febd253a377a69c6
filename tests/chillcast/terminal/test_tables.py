from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chillcast.terminal.tables import as_text, in_words, table


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (True, "yes"),
        (False, "no"),
        (0.123456, "0.1235"),
        (123456789.0, "123456789"),
        (7, "7"),
        ([], "none"),
        ([1, "b"], "1, b"),
        ({}, "none"),
        ({"a": 1.0}, "a 1"),
        ("\x1b[2J\x07 done\r\nfailed\u202e", r"\x1b[2J\x07 done\r\nfailed\u202e"),
        ("Größe 5\u00a0µm – ok", "Größe 5\u00a0µm – ok"),
    ],
)
def test_a_value_is_said_in_words(value: object, said: str) -> None:
    assert in_words(value) == said


def test_a_list_of_rows_is_a_table_below_its_name() -> None:
    text = as_text({"policies": [{"policy": "rules", "recall": 0.5}], "days": 12})
    assert text == "policies\n  policy  recall\n  rules      0.5\ndays  12"


def test_a_block_is_indented_below_its_name() -> None:
    assert as_text({"quality": {"missing": {"s": 1}}}) == "quality\n  missing\n    s  1"


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers() | st.none(), min_size=1), min_size=1))
def test_every_row_of_a_table_has_a_line_and_every_value_stands_in_it(rows: list[dict[str, int]]) -> None:
    lines = table(rows).splitlines()
    assert len(lines) == 1 + len(rows)
    for row, line in zip(rows, lines[1:], strict=True):
        assert [w for w in line.split() if w != "–"] == [
            str(row[k]) for k in lines[0].split() if row.get(k) is not None
        ]


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab")
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text("xy"), inner))


@given(st.dictionaries(st.text("xy", min_size=1), _VALUES))
def test_no_result_shows_brackets_or_quotes_of_the_program(result: dict[str, object]) -> None:
    assert not set("{}[]'\"") & set(as_text(result))
