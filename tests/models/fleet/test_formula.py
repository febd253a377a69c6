from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features.expectation import AppliedExpectation
from models.fleet.fleet import parse_fleet
from models.fleet.formula import MOST_STEPS, parse_formula, sensors_of, unit_of

NAMES = ("a", "b", "c")
ATOMS = st.sampled_from(NAMES) | st.floats(-9, 9).map(repr)
TEXTS = st.recursive(
    ATOMS,
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
        | st.tuples(st.sampled_from(["min", "max"]), st.lists(inner, min_size=1, max_size=3)).map(
            lambda t: f"{t[0]}({', '.join(t[1])}{',' if len(t[1]) == 1 else ''})"
        )
        | inner.map(lambda t: f"-({t})")
        | inner.map(lambda t: f"abs({t})")
    ),
    max_leaves=8,
)
READINGS = st.one_of(st.just(float("nan")), st.just(0.0), st.floats(-99, 99, width=32))


def evaluated(text: str, values: list[float]) -> float:
    """Return what the kernel makes of a formula over sensors ``a``, ``b``, ``c``."""
    raw: dict[str, Any] = {
        "name": "toy",
        "asset": "toy",
        "asset_pattern": ".",
        "outcome": "o",
        "horizons_d": [1.0],
    }
    ends = {"unit": "", "low": -1e30, "high": 1e30}
    raw |= {"sampling": {"period_s": 60, "hop_s": 60, "windows_s": [60]}, "alerting": {"horizon_d": 1.0}}
    raw["sensors"] = [{"key": key, "label": key, **ends} for key in NAMES]
    raw["derived"] = [{"key": "d", "label": "d", "formula": text, **ends}]
    applied = AppliedExpectation(parse_fleet(raw, "toy"))
    row, nobody = np.array([values], np.float32), np.zeros(1, np.int32)
    return float(applied.channels(("x",), nobody, np.zeros(1, np.int64), row)[0, 3])


def in_python(text: str, values: list[float]) -> float:
    """Return Python's own value: missing if anything in it is, or if it divides by zero."""
    missing = False

    def least(*of: float) -> float:
        return math.nan if any(map(math.isnan, of)) else min(of)

    def greatest(*of: float) -> float:
        return math.nan if any(map(math.isnan, of)) else max(of)

    names = dict(zip(NAMES, (float(np.float32(v)) for v in values), strict=True))
    scope = {"__builtins__": {}, "min": least, "max": greatest, "abs": abs, **names}
    try:
        value = float(eval(text, scope))
    except ZeroDivisionError:
        missing = True
    return math.nan if missing or not -1e30 <= value <= 1e30 else value


@given(
    TEXTS.filter(lambda text: any(name in NAMES for name in _names(text))),
    st.lists(READINGS, min_size=3, max_size=3),
)
@settings(max_examples=150, deadline=None)
def test_a_formula_is_what_python_makes_of_it(text: str, values: list[float]) -> None:
    if len(parse_formula(text)) <= MOST_STEPS:
        np.testing.assert_allclose(evaluated(text, values), in_python(text, values), rtol=1e-6, atol=1e-30)


def _names(text: str) -> list[str]:
    for mark in "(),+-*/":
        text = text.replace(mark, " ")
    return text.split()


def test_a_division_by_zero_and_what_lies_outside_the_limits_are_missing() -> None:
    assert math.isnan(evaluated("a / b", [1.0, 0.0, 0.0]))
    assert math.isnan(evaluated("a / (b - c)", [1.0, 2.0, 2.0]))
    assert math.isnan(evaluated("a * 1e30", [2.0, 0.0, 0.0]))
    assert math.isnan(evaluated("max(a, b)", [2.0, math.nan, 0.0]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 + 2",
        "a +",
        "a ** 2",
        "a // b",
        "a if b else c",
        "a.b",
        "sum(a, b)",
        "abs(a, b)",
        "max()",
        "max(a, key=b)",
        "a < b",
        "True + a",
        "'a' + b",
        "a * 1e999",
        "a * 1" + "0" * 400,
        "+".join(["a"] * 40),
        "-" * 100_000 + "a",
        "(" * 1000 + "a" + ")" * 1000,
        "a\0",
        "a = b",
        "[a]",
        "a @ b",
        "__import__('os')",
    ],
)
def test_anything_but_arithmetic_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"arithmetic|sensor|steps|one term|finite"):
        parse_formula(text)


@given(st.text(alphabet="ab1.+-*/(), e<=[]{}'\"\\\n\0λ", max_size=30))
@settings(max_examples=300)
def test_any_text_is_a_formula_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert sensors_of(text)


UNITS = {"hot": "degC", "cold": "degC", "lift": "K", "p": "bar", "q": "bar", "share": ""}


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("hot - cold", "K"),
        ("hot - lift", "degC"),
        ("hot - cold + lift", "K"),
        ("max(hot, cold)", "degC"),
        ("p - 2 * q", "bar"),
        ("p / q", None),
        ("share * p", "bar"),
        ("-abs(p)", "bar"),
        ("hot - 3", "degC"),
    ],
)
def test_units_follow_from_the_sensors(text: str, unit: str | None) -> None:
    assert unit_of(text, UNITS) == unit


@pytest.mark.parametrize("text", ["hot - p", "p + lift", "max(p, hot)"])
def test_what_does_not_add_up_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="terms of one unit, not"):
        unit_of(text, UNITS)
