"""Running workers take what is promoted, and score each message with one version whatever kills them."""

from __future__ import annotations

from pathlib import Path

import pytest

from chillcast.settings import Settings
from tests.support.swaps import check_swaps
from tests.support.toy_model import Trained, fleet, trained


@pytest.fixture(scope="module")
def toy() -> Trained:
    return trained(fleet())


def test_each_message_is_scored_by_one_version_over_promotions_and_kills(
    toy: Trained, tmp_path: Path
) -> None:
    check_swaps(toy, Settings(home=str(tmp_path), state_interval_s=1))
