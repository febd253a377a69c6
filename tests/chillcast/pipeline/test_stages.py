"""A worker imports what its stage needs, and no more: what it spares is memory for machines."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from chillcast.pipeline.stages import create_worker
from chillcast.resources import Resources
from chillcast.settings import Settings
from models.errors import UnavailableError
from models.features.expectation import identity_of
from models.features.expectation_fit import fit_expectation
from models.features.schema import FeatureSchema
from models.fleet.config import table_json
from models.fleet.fleet import load_fleet
from models.registry.bundle import write_bundle
from models.registry.promotion import CHAMPION, Promotion
from tests.support.damage import damaged_store
from tests.support.loaded_machines import machines, rows, slices
from tests.support.toy_model import fleet, trained

HEAVY = ("lightgbm", "mlflow", "pandas", "pyarrow", "river", "sklearn", "matplotlib")
OPENED = """
from chillcast.resources import Resources
from chillcast.cli import app as cli
from chillcast.pipeline import stages
worker = stages.create_worker("features", Resources.open())
assert worker.lanes[0].context.open_stage("telemetry", 0, ()).pool.first().expectation is not None
"""


def heavy(code: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """Return the heavy packages that a process has imported after running ``code``."""
    look = f"{code}\nimport sys\nprint(*({set(HEAVY)!r} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def settings(tmp_path: Path, bootstrap: str) -> Settings:
    """Settings of a fleet whose champion came with an expectation."""
    owner = machines()
    (tmp_path / "fleet.json").write_bytes(table_json(owner))
    found = Settings(home=str(tmp_path), fleet=str(tmp_path / "fleet.json"), broker=bootstrap)
    promotions, expectation = Resources(found, owner).promotions, fit_expectation(owner, slices(rows(2000)))
    assert expectation is not None
    schema = FeatureSchema(owner, identity_of(expectation.expectation))
    sha256 = write_bundle(
        promotions.folder / "1",
        replace(trained(fleet()).model, fingerprint=schema.fingerprint),
        expectation.expectation,
        fleet=owner.name,
        metrics={},
        lineage={},
    )
    promotions.claim(Promotion(version="1", reason="first", promoted_ms=1, sha256=sha256, number=1))
    promotions.enforce(CHAMPION)
    return found


def test_a_features_worker_with_an_expectation_imports_no_model_library(settings: Settings) -> None:
    assert heavy(OPENED, settings.environment()) == []


def test_an_import_of_a_model_library_is_found() -> None:
    assert "lightgbm" in heavy("import streams.champions.model_pool")


def test_a_sink_refuses_a_damaged_store_and_says_what_to_do(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path), broker="127.0.0.1:9")
    damaged_store(settings.store_path)
    with pytest.raises(UnavailableError, match=r"store\.db: damaged: .*; move store\.db, .* away together"):
        create_worker("sink", Resources(settings, load_fleet(settings.fleet_path)))
