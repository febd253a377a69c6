from __future__ import annotations

from pathlib import Path

import pytest

from chillcast.pipeline.backstage import backstage_of
from chillcast.resources import Resources
from chillcast.settings import read_settings
from models.errors import UnavailableError
from models.fleet.fleet import load_fleet
from models.registry.promotion import Promotion
from streams.kafka.embedded_broker import free_port


def resources(home: Path, **given: str) -> Resources:
    settings = read_settings(home=str(home), **given)
    return Resources(settings, load_fleet(settings.fleet_path))


def test_without_a_broker_models_alone_are_told_of(tmp_path: Path) -> None:
    found = backstage_of(resources(tmp_path))
    assert (found.lag, found.letters, found.letter, found.redrive) == (None,) * 4
    assert found.promotions is not None
    assert list(found.promotions()) == []


def test_a_bundle_that_is_gone_is_said(tmp_path: Path) -> None:
    found = backstage_of(resources(tmp_path))
    assert found.manifest is not None
    told = found.manifest(Promotion(version="7", reason="", promoted_ms=1))
    assert "manifest.json" in told["problem"]


def test_a_page_that_only_shows_sends_nothing_again(tmp_path: Path) -> None:
    assert backstage_of(resources(tmp_path, broker="b:1")).redrive is not None
    assert backstage_of(resources(tmp_path, broker="b:1", page_writes="nobody")).redrive is None


def test_a_broker_that_is_away_is_named(tmp_path: Path) -> None:
    found = backstage_of(resources(tmp_path, broker=f"127.0.0.1:{free_port()}"))
    assert found.lag is not None
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1"):
        found.lag()
