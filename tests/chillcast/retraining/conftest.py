"""One drifted home for all tests of retraining; each test has a copy of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.drifted_homes import copied, drifted_home


@pytest.fixture(scope="session")
def drifted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drifted_home(tmp_path_factory.mktemp("drifted") / "home")


@pytest.fixture
def home(drifted: Path, tmp_path: Path) -> Path:
    return copied(drifted, tmp_path / "home")
