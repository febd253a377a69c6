from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fleet.recording import Column, Written
from models.fleet.units import conversion, unit_named
from models.intake.numbers import NumberReader


def reader(column: dict[str, Any] | None = None, unit: str = "degC", **written: Any) -> NumberReader:
    return NumberReader(Written(**written), Column(column="c", **(column or {})), unit)


def value(of: NumberReader, text: str) -> float | None:
    """Return the value of a text, None if it is bad; beside one that only the patient way reads."""
    quick, slow = of.read(pa.array([text])), of.read(pa.array([text, "~"]))
    assert slow.bad[1]
    np.testing.assert_equal(quick.values[0], slow.values[0])
    return None if quick.bad[0] else float(quick.values[0])


@pytest.mark.parametrize(
    ("keys", "text", "expected"),
    [
        ({}, "20.5", 20.5),
        ({}, "-1e3", -1000.0),
        ({}, "9007199254740993", 9007199254740993.0),
        ({}, "18446744073709551616", 2.0**64),
        ({}, "True", 1.0),
        ({"decimal": ","}, "20,5", 20.5),
        ({"decimal": ",", "thousands": "."}, "1.200,5", 1200.5),
        ({"thousands": ","}, "1,200.5", 1200.5),
        ({"thousands": ","}, "1200.5", 1200.5),
        ({"thousands": " "}, "1\u202f200", 1200.0),
        ({"thousands": "'"}, "1’200", 1200.0),
        ({"words": {"ON": 1.0, "OFF": 0.0}}, "on", 1.0),
        ({"column": {"words": {"Cool": 2.0}}}, "Cool", 2.0),
        ({}, "20 °C", 20.0),
        ({}, "68°F", 20.0),
        ({"unit": "bar"}, "100 kPa", 1.0),
        ({"column": {"suffix": "Stück"}}, "7 Stück", 7.0),
        ({"column": {"unit": "degF"}}, "68", 20.0),
        ({"column": {"unit": "degF", "scale": 0.1}}, "680", 20.0),
        ({"unit": "%", "column": {"unit": "1"}}, "0.5", 50.0),
    ],
)
def test_a_number_is_read_with_its_signs_words_and_units(
    keys: dict[str, Any], text: str, expected: float
) -> None:
    assert value(reader(**keys), text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "NaN", "NULL", "#N/A", "Bad", "bad", "-40", "unavailable"])
def test_words_and_numbers_that_mean_nothing_are_missing(text: str) -> None:
    of = reader({"nulls": (-40.0,), "missing": ("unavailable",)}, missing=("Bad",))
    assert math.isnan(value(of, text) or 0.0)


@pytest.mark.parametrize(
    "text", ["warm", "20,5", "1,200.5", "20 furlong", "20 kPa", "1_000", "0x10", "٣", "--1"]
)
def test_what_is_no_number_is_bad(text: str) -> None:
    assert value(reader(), text) is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1,200.5", "thousands = ',' would read 1200.5"),
        ("20,5", "decimal = ',' would read 20.5"),
        ("20 Stk", "suffix = 'Stk' would read 20"),
        ("Bad", "missing = ['Bad']"),
    ],
)
def test_the_key_that_would_help_is_named(text: str, hint: str) -> None:
    assert hint in reader().why_not(text)


@given(
    st.lists(st.text(max_size=20), max_size=5), st.sampled_from([".", ","]), st.sampled_from(["", " ", "'"])
)
def test_no_text_makes_the_reader_fail(texts: list[str], decimal: str, thousands: str) -> None:
    of = reader(decimal=decimal, thousands=thousands)
    found = of.read(pa.array(texts, pa.string()))
    assert len(found.values) == len(texts)
    assert all(of.why_not(text) for text, bad in zip(texts, found.bad, strict=True) if bad)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_the_same_with_either_decimal_sign(number: float) -> None:
    text = repr(number)
    assert value(reader(), text) == number
    assert value(reader(decimal=","), text.replace(".", ",")) == number


def test_units_become_each_other_and_back() -> None:
    for one, other in (("degC", "degF"), ("bar", "psi"), ("L/s", "m3/h"), ("kW", "W"), ("K", "degC")):
        scale, offset = conversion(one, other) or (0.0, 0.0)
        back_scale, back_offset = conversion(other, one) or (0.0, 0.0)
        assert (3.0 * scale + offset) * back_scale + back_offset == pytest.approx(3.0)
    assert conversion("Stück", "Stück") == (1.0, 0.0)
    assert unit_named("Deg") is None
