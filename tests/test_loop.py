"""A fleet drifts, and its loop mends the model; without the loop nobody does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loop.closed_loop import Told, check_mended, run_loop, settings_of
from tests.loop.drifting_fleet import Story


@pytest.mark.timeout(1500)
def test_a_drifted_model_is_found_trained_anew_shadowed_and_promoted_and_recall_recovers(
    tmp_path: Path,
) -> None:
    check_mended(run_loop(settings_of(tmp_path / "home"), Story(), looped=True))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_with_the_loop_off_recall_stays_down(tmp_path: Path) -> None:
    told: Told = run_loop(settings_of(tmp_path / "home"), Story(), looped=False)
    assert (told.champion, told.record) == ("1", [])
    assert told.recall["before"] > 0.9
    assert told.recall["drifted"] < 0.3  # what the online layer announces, it does by many false alarms
    assert told.recall["drifted"] == 0 or told.false_alarms["drifted"] > 4
    assert told.shutdowns["drifted"] > 100
