"""The page of drift with a name says what its figures say, and these keep to what was asked of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.drift_classes import JUDGED, NAMES, page

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCS / "drift.json").read_text(encoding="utf-8"))
    return found


def test_page_and_figures_are_of_one_run(report: dict[str, Any]) -> None:
    assert (DOCS / "drift.md").read_text(encoding="utf-8") == page(report)


def test_what_is_named_is_mostly_given_its_own_name(report: dict[str, Any]) -> None:
    for row in report["classes"]:
        if row["what"] in JUDGED:
            assert row[row["truth"]] >= 0.8 * sum(row[name] for name in NAMES if name != "nothing"), row


def test_populations_are_called_for_nothing_at_most_once_a_month(report: dict[str, Any]) -> None:
    assert report["false"]["seen"]["population"] / report["false"]["months"] <= 1.0
    assert report["false"]["told_a_month_of_the_fleet"] <= 1.0


def test_the_watch_finds_more_than_chance_does(report: dict[str, Any]) -> None:
    half = next(row for row in report["classes"] if row["what"] == "0.5 sd of half the fleet")
    assert half["within_48_h"] > report["dummy"]["within_48_h"]
