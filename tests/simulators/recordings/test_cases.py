from __future__ import annotations

import pytest

from tests.cases.case import Case, missing_cases
from tests.cases.known import CASES


def test_no_two_cases_have_one_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.skipif(missing_cases() is not None, reason=str(missing_cases()))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_comes_out_of_a_case_is_right(case: Case) -> None:
    said = case.said()
    assert case.is_right(said), said
