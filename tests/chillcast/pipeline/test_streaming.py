from __future__ import annotations

from pathlib import Path

import pytest

from chillcast.pipeline.publishing import Playing
from chillcast.pipeline.streaming import StreamSource, stream
from chillcast.resources import Resources
from chillcast.settings import Settings
from chillcast.terminal.reporter import Reporter
from models.errors import ModelError
from models.fleet.fleet import load_fleet


def test_a_fleet_with_expectations_and_no_champion_is_refused_before_anything_starts(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    source = StreamSource(Playing("nothing", lambda *_: iter(()), 0, 1), 1.0)
    with pytest.raises(ModelError, match="no champion yet"):
        stream(Resources(settings, load_fleet(settings.fleet_path)), source, Reporter(), scored=False)
    assert list(tmp_path.iterdir()) == []
