"""A signature holds for one body, at one time, once."""

from __future__ import annotations

import pytest

from models.errors import ForbiddenError
from streams.delivery.signing import MOST_AGE_S, SIGNATURE, TIME, Signatures, signed

NOW_S = 1_700_000_000


def signatures(now_s: float = NOW_S) -> Signatures:
    return Signatures("secret", lambda: now_s)


def test_what_is_signed_passes_once() -> None:
    one, headers = signatures(), signed("secret", b"{}", NOW_S)
    one.check(headers, b"{}")
    with pytest.raises(ForbiddenError, match="came before"):
        one.check(headers, b"{}")


def test_what_came_to_nothing_may_come_again() -> None:
    one, headers = signatures(), signed("secret", b"{}", NOW_S)
    one.check(headers, b"{}")
    one.forget(headers)
    one.check(headers, b"{}")


@pytest.mark.parametrize("age_s", [-MOST_AGE_S - 1, MOST_AGE_S + 1])
def test_what_was_signed_long_ago_or_is_yet_to_come_does_not_pass(age_s: int) -> None:
    with pytest.raises(ForbiddenError, match="expected a time within 300 s"):
        signatures().check(signed("secret", b"{}", NOW_S - age_s), b"{}")


@pytest.mark.parametrize(
    "change",
    [
        {SIGNATURE: ""},
        {SIGNATURE: "sha256=é"},
        {TIME: ""},
        {TIME: "-5"},
        {TIME: "²"},
        {TIME: str(NOW_S + 1)},
        {TIME: "9" * 5000},
    ],
)
def test_a_header_that_is_changed_or_left_out_does_not_pass(change: dict[str, str]) -> None:
    with pytest.raises(ForbiddenError):
        signatures().check({**signed("secret", b"{}", NOW_S), **change}, b"{}")


def test_another_body_or_secret_does_not_pass() -> None:
    with pytest.raises(ForbiddenError):
        signatures().check(signed("secret", b"{}", NOW_S), b"{ }")
    with pytest.raises(ForbiddenError):
        signatures().check(signed("other", b"{}", NOW_S), b"{}")


def test_what_passed_is_remembered_for_as_long_as_it_would_pass() -> None:
    now_s = [float(NOW_S)]
    one, headers = Signatures("secret", lambda: now_s[0]), signed("secret", b"{}", NOW_S + MOST_AGE_S)
    one.check(headers, b"{}")
    now_s[0] += 2 * MOST_AGE_S
    with pytest.raises(ForbiddenError, match="came before"):
        one.check(headers, b"{}")
