from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.redaction import MASK, Redactor

SECRETS = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="*"), min_size=4
)


def encoded(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode()


@given(SECRETS, st.sampled_from([str, repr, json.dumps, quote, encoded]))
@example("00:/", quote)
@example("pass'word\"1\\", repr)
def test_a_secret_that_is_known_is_shown_in_no_form(secret: str, write: Callable[[str], str]) -> None:
    redact = Redactor()
    redact.keep([secret])
    written = write(secret)
    bare = written[1:-1] if write in (repr, json.dumps) else written.rstrip("=")
    assert bare not in redact(f"before {written} after")


@pytest.mark.parametrize("text", ["a-token\nsecond", "a-token\r\nsecond", "\na-token", " second "])
def test_each_line_of_a_broken_secret_is_one(text: str) -> None:
    redact = Redactor()
    redact.keep([text])
    assert "a-token" not in redact(f"{text!r} {text}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at kafka://me@host:9092/a", f"at kafka://{MASK}@host:9092/a"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("http://me:secr...'), (partition=", f"http://{MASK}...'), (partition="),
        ("see http://host:8080...", "see http://host:8080..."),
        ("http://host/a@b?x=1", "http://host/a@b?x=1"),
        ("sasl_plain_password='abc', port=1", f"sasl_plain_password='{MASK}', port=1"),
        ('{\\"password\\": \\"abc\\", \\"n\\": 1}', f'{{\\"password\\": \\"{MASK}\\", \\"n\\": 1}}'),
        ("Authorization: Token abc==", f"Authorization: Token {MASK}"),
        ("key 'CH-0001' belongs to 3; correct CHILLCAST_INFLUX_TOKEN", ""),
        ("offset 123456, partition = 3, key = CH-0001", ""),
    ],
)
def test_credentials_are_told_by_where_they_stand(text: str, shown: str) -> None:
    assert Redactor()(text) == (shown or text)


def test_numbers_are_found_whole_only() -> None:
    redact = Redactor()
    redact.keep(["1234"])
    assert redact("pin 1234, offset 91234") == f"pin {MASK}, offset 91234"


def test_a_long_text_takes_no_more_than_its_length() -> None:
    text = "token" + "aB3" * 400_000  # with a pattern that looks back from every letter it would take an hour
    assert Redactor()(text) == text
