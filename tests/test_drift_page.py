"""The page of drift with a name says what its figures say, and these keep to what was asked of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.drift_classes import CLASSES, page

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCS / "drift.json").read_text(encoding="utf-8"))
    return found


def test_page_and_figures_are_of_one_run(report: dict[str, Any]) -> None:
    assert (DOCS / "drift.md").read_text(encoding="utf-8") == page(report)


def test_every_class_is_mostly_given_its_own_name(report: dict[str, Any]) -> None:
    for row in report["judged"]["classes"]:
        assert row[row["truth"]] > sum(row[name] for name in (*CLASSES, "nothing")) / 2, row


def test_populations_are_called_for_nothing_less_than_once_a_month(report: dict[str, Any]) -> None:
    assert report["year"]["false_per_month"] <= 1.0


def test_the_watch_finds_more_than_chance_does(report: dict[str, Any]) -> None:
    half = report["judged"]["hours"]["population, 0.5 sd"]
    assert half["within_72_h"] > report["dummy"]["within_48_h"]
