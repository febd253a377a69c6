from __future__ import annotations

import pytest

from streams.wire.letter_reasons import OTHER, REASONS, kind_of, word_of


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("a batch of 68 bytes at offsets 4 to 9 cannot be decoded: ValueError", "damaged"),
        ("store refused 1 of 8 points: older than the bucket's retention", "store"),
        ("2 samples came later than lateness_s = 3600", "late"),
        ("asset 'a' on partition 0: key 'a' belongs to 1; send it with this key", "partition"),
        ("asset 'a': not admitted, max_new_assets_per_hour = 3", "machine"),
        ("asset 'x y': expected a name like CH-[0-9]{4}", "machine"),
        ("schema 'v1': fleet chiller has 'v2'", "schema"),
        ("fingerprint 'ab': no promoted model has these features", "schema"),
        ("content-type 'text/plain': expected one of application/json", "kind"),
        ("time 'soon': expected ISO 8601 with an offset, or UTC ms", "time"),
        ("time 1 ms (1970-01-01T00:00:00Z): expected UTC ms since 1970, after the year 2000", "time"),
        ("values: not sensors of fleet chiller: 'oil' and 3 more", "point"),
        ("values.oil 'x': expected a number or null", "value"),
        ("not a Sample in JSON: truncated", "form"),
        ("empty message", "form"),
        ("something else", OTHER),
    ],
)
def test_a_reason_has_one_of_few_words(reason: str, word: str) -> None:
    assert word_of(reason) == word
    assert word in REASONS


def test_reasons_that_differ_by_names_and_numbers_are_one_kind() -> None:
    one, other = "not sensors of fleet f: 'a'", "not sensors of fleet f: 'b', 'c'"
    assert kind_of(one) == kind_of(other)
