"""Retraining files: what is refused, by its key, and what was expected instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from chillcast.retraining.retraining_config import load_retraining
from models.errors import ConfigError
from models.fleet.fleet import load_fleet
from streams.records import Detector

ROOT = Path(__file__).parents[3]


def test_a_detector_that_is_misspelt_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[triggers]\ndrift_days = 14\ndrift_detectors = ["adwin", "adwn"]\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"triggers.drift_detectors\[1\] = 'adwn'") as refused:
        load_retraining(path, load_fleet(ROOT / "fleets" / "chiller.toml"))
    assert all(known in str(refused.value) for known in get_args(Detector))


def test_every_detector_that_speaks_is_known() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "streams" / "stages").glob("*.py")]
    named = {name for text in sources for name in re.findall(r'detector="([a-z-]+)"', text)}
    assert {"adwin", "silent"} <= named
    assert named - {"dead-letters"} <= set(get_args(Detector))
    quality = (ROOT / "models" / "features" / "quality.py").read_text(encoding="utf-8")
    (kinds,) = re.findall(r"``kind`` is (.*)\.\n", quality)
    assert set(re.findall(r"``([a-z-]+)``", kinds)) <= set(get_args(Detector))
