"""All cases; a module of cases of another kind joins here."""

from __future__ import annotations

from tests.cases import recordings, streams
from tests.cases.case import Case

CASES: list[Case] = [*recordings.CASES, *streams.CASES]
