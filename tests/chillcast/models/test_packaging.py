"""A build context holds all that its Dockerfile asks for, and a version that a worker takes."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from chillcast.models.packaging import write_context
from models.errors import ModelError
from models.fleet.fleet import load_fleet
from models.registry.bundle import write_bundle
from models.registry.promotion import CHAMPION, Promotion, Promotions
from streams.champions.model_pool import PromotedModels
from streams.worker.endpoint import LIVE
from tests.support.toy_model import Trained, fleet, trained

PROMOTION = Promotion(fleet="toy", version="7", reason="packaged", promoted_ms=1)


@pytest.fixture(scope="module")
def toy() -> Trained:
    return trained(fleet())


@pytest.fixture(scope="module")
def context(toy: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("package")
    write_bundle(home / "bundle", toy.model, None, fleet="toy", metrics={}, lineage={})
    return write_context(home / "context", toy.fleet, home / "bundle", PROMOTION)


def dockerfile(context: Path) -> str:
    return (context / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def test_all_that_is_copied_is_there(context: Path) -> None:
    copied = re.findall(r"^COPY (?:--chown\S+ )?(?!--from)(.+) \S+$", dockerfile(context), re.MULTILINE)
    sources = [name for line in copied for name in line.split()]
    assert {"requirements/worker.txt", "models", "fleet.json", "bundles"} <= set(sources)
    assert [name for name in sources if not (context / name).exists()] == []


def test_the_image_is_pinned_not_run_as_root_and_looked_after(context: Path) -> None:
    text = dockerfile(context)
    assert "--require-hashes -r requirements/worker.txt" in text
    steps = [line for line in text.splitlines() if line and line[0].isupper()]
    assert [line for line in steps if line.startswith("USER")][-1] == "USER 10001"
    words = [line.split()[0] for line in steps[steps.index("FROM workers") :]]
    assert words[-4:] == ["USER", "HEALTHCHECK", "ENTRYPOINT", "CMD"]
    port = re.search(r"CHILLCAST_METRICS_PORT=(\d+)", text)
    assert port is not None
    assert f"http://127.0.0.1:{port[1]}{LIVE}" in text


def test_the_context_builds_the_project(context: Path, tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(context)).build(directory=str(tmp_path), versions=["standard"])
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"chillcast/cli/app.py", "streams/worker/worker.py", "chillcast/fleets/chiller.toml"} <= names
    assert not [name for name in names if "__pycache__" in name]


def test_a_worker_takes_the_packaged_version(context: Path, toy: Trained) -> None:
    machines = load_fleet(context / "fleet.json")
    pool = PromotedModels(Promotions(context / "bundles" / machines.name), machines)
    found = pool.ready(CHAMPION)
    assert found is not None
    assert found.version == "7"
    assert (
        found.models.fleet.score(toy.vector()[None, :]).tobytes()
        == toy.model.score(toy.vector()[None, :]).tobytes()
    )


def test_a_folder_that_holds_something_is_left_alone(context: Path, toy: Trained) -> None:
    with pytest.raises(ModelError, match="expected a folder that is empty"):
        write_context(context, toy.fleet, context / "bundles" / "toy" / "7", PROMOTION)
