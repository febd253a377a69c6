from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from models.errors import ForbiddenError
from streams.access.proxy import SECRET_HEADER, Proxy
from streams.access.roles import Person

SECRET = "s" * 32
PROXY = Proxy(SECRET, {"plant-leads": "lead", "techs": "technician"})
ANN = {SECRET_HEADER: [SECRET], "x-forwarded-user": ["Ann Ö"], "x-forwarded-groups": ["staff, techs"]}


def test_whom_the_proxy_names_has_the_role_of_their_group() -> None:
    assert PROXY.person(ANN, "10.0.0.1") == Person("Ann Ö", "technician", "proxy", "10.0.0.1")


@pytest.mark.parametrize(
    "change",
    [
        {SECRET_HEADER: []},
        {SECRET_HEADER: [""]},
        {SECRET_HEADER: ["x" * 32]},
        {SECRET_HEADER: [SECRET + "s"]},
        {SECRET_HEADER: ["ä"]},
        {SECRET_HEADER: [SECRET, SECRET]},
        {"x-forwarded-user": []},
        {"x-forwarded-user": [" "]},
        {"x-forwarded-user": ["a\tb"]},
        {"x-forwarded-user": ["a" * 129]},
    ],
)
def test_without_its_secret_or_a_name_it_names_nobody(change: Mapping[str, Sequence[str]]) -> None:
    assert PROXY.person({**ANN, **change}, "") is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x-forwarded-groups": ["staff"]}, "Ann Ö has no role here"),
        ({"x-forwarded-groups": []}, "Ann Ö has no role here"),
        ({"x-forwarded-user": ["Ann Ö", "root"]}, "x-forwarded-user came 2 times"),
        ({"x-forwarded-groups": ["techs", "plant-leads"]}, "x-forwarded-groups came 2 times"),
    ],
)
def test_somebody_without_a_role_or_of_two_headers_is_refused(
    change: Mapping[str, Sequence[str]], words: str
) -> None:
    with pytest.raises(ForbiddenError, match=words):
        PROXY.person({**ANN, **change}, "")


def test_the_first_group_of_the_setting_that_fits_holds_and_anybody_may_have_a_role() -> None:
    both = {**ANN, "x-forwarded-groups": ["techs,plant-leads"]}
    for roles, role in (
        ({"plant-leads": "lead", "techs": "technician"}, "lead"),
        ({"techs": "technician", "plant-leads": "lead"}, "technician"),
        ({"other": "admin", "*": "viewer"}, "viewer"),
    ):
        person = Proxy(SECRET, roles).person(both, "")  # type: ignore[arg-type]
        assert person is not None
        assert person.role == role
