"""The registry over a real MLflow with sqlite."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import pytest

from models.errors import ModelError, UnavailableError
from models.registry.bundle import load_bundle, write_bundle
from models.registry.manifest import champion, read_manifest
from models.registry.mlflow_registry import Registry
from models.registry.promotion import Promotion
from tests.support.hazard_model import fitted

PRINT = "f" * 16


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    home = tmp_path_factory.mktemp("registry")
    return Registry(f"sqlite:///{home}/mlflow.db", home / "registry", home / "bundles")


def promote(
    registry: Registry, fleet: str, version: str, reason: str, now_ms: int, number: int = 0
) -> Promotion:
    return registry.promote(
        Promotion(fleet=fleet, version=version, reason=reason, who="ann", promoted_ms=now_ms, number=number)
    )


def written(home: Path, seed: str) -> Path:
    folder = home / "bundle"
    write_bundle(folder, fitted(), None, fleet="toy", metrics={"brier": 0.1}, lineage={"seed": seed})
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return written(tmp_path, seed="1")


def test_a_promoted_version_is_what_workers_load(registry: Registry, bundle: Path) -> None:
    first, second = registry.register("toy", bundle), registry.register("toy", bundle)
    promote(registry, "toy", first, "better", 5)
    version, folder = champion(registry.bundles / "toy")
    assert version == first
    load_bundle(folder, PRINT)
    marks = {v.version: v.is_champion for v in registry.versions("toy")}
    assert marks[first]
    assert not marks[second]


def test_promoting_another_version_moves_the_pointer_and_keeps_both(registry: Registry, bundle: Path) -> None:
    old, new = registry.register("moved", bundle), registry.register("moved", bundle)
    promote(registry, "moved", old, "first", 5)
    promote(registry, "moved", new, "second", 6)
    assert champion(registry.bundles / "moved")[0] == new
    assert [v.version for v in registry.versions("moved")] == [new, old]
    assert registry.versions("moved")[0].metrics == {"brier": 0.1}


def test_an_unknown_version_is_refused_with_what_there_is(registry: Registry, bundle: Path) -> None:
    registry.register("known", bundle)
    with pytest.raises(ModelError, match="version '9' of model known: expected one of 1"):
        promote(registry, "known", "9", "", 5)


def tamper(registry: Registry, text: str) -> None:
    """Change the registered bundle that has the given text in its manifest."""
    for path in (registry.folder / "artifacts").rglob("manifest.json"):
        path.write_bytes(path.read_bytes().replace(text.encode(), b'"seed": "666"'))


def test_an_artifact_that_was_changed_is_not_promoted(registry: Registry, tmp_path: Path) -> None:
    version = registry.register("changed", written(tmp_path, seed="21"))
    tamper(registry, '"seed": "21"')
    with pytest.raises(ModelError, match="not the bundle that was registered as version 1"):
        promote(registry, "changed", version, "", 5)
    with pytest.raises(ModelError, match="no champion yet"):
        champion(registry.bundles / "changed")


def test_a_champion_stays_in_place_when_its_registered_copy_was_changed(
    registry: Registry, tmp_path: Path
) -> None:
    version = registry.register("kept", written(tmp_path, seed="22"))
    promote(registry, "kept", version, "first", 5)
    tamper(registry, '"seed": "22"')
    with pytest.raises(ModelError, match="not the bundle that was registered"):
        promote(registry, "kept", version, "again", 6)
    assert read_manifest(champion(registry.bundles / "kept")[1]).lineage == {"seed": "22"}


def test_a_spoilt_bundle_is_not_registered(registry: Registry, bundle: Path) -> None:
    (bundle / "booster.txt").write_bytes(b"tree")
    with pytest.raises(ModelError, match=r"booster\.txt: sha256"):
        registry.register("spoilt", bundle)
    assert registry.versions("spoilt") == []


def test_promoting_leaves_no_copies_behind(
    registry: Registry, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    promote(registry, "tidy", registry.register("tidy", bundle), "", 5)
    assert list(scratch.iterdir()) == []


def test_a_registry_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="registry sqlite:////proc/nowhere"):
        Registry("sqlite:////proc/nowhere/mlflow.db", tmp_path / "r", tmp_path / "b").versions("toy")


def test_a_server_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(UnavailableError, match=f"registry {uri}: "):
            Registry(uri, tmp_path / "r", tmp_path / "b").versions("toy")
