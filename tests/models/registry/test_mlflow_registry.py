"""The registry over a real MLflow with sqlite."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
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
    return Registry(f"sqlite:///{home}/mlflow.db?timeout=0.1", home / "registry", home / "bundles")


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


def test_a_reason_as_long_as_a_book_is_recorded_whole_and_shown_in_part(
    registry: Registry, bundle: Path
) -> None:
    version = registry.register("toy", bundle)
    reason = "a segment has windows enough; " * 10_000
    promoted = registry.promote(Promotion(fleet="toy", version=version, reason=reason, promoted_ms=5))
    assert registry.promotions("toy").newest() == promoted
    assert promoted.reason == reason


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


OPENS = """
import sys
from pathlib import Path
from models.registry.mlflow_registry import Registry
home = Path(sys.argv[1])
print(Registry(f"sqlite:///{home}/mlflow.db", home / "registry", home / "bundles").versions("toy"))
"""


def test_processes_that_open_a_new_registry_at_once_wait_for_each_other(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", OPENS, str(tmp_path)]
    opening = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
    said = [process.communicate()[0].decode() for process in opening]
    assert [text.splitlines()[-1:] for text in said] == [["[]"]] * 2


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a database as another process would that writes to it for long."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("BEGIN EXCLUSIVE")
        yield


def test_a_registry_that_another_process_has_locked_is_named(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db?timeout=0.1"
    with locked(tmp_path / "mlflow.db"), pytest.raises(UnavailableError, match=r"mlflow\.db.*is locked$"):
        Registry(uri, tmp_path / "r", tmp_path / "b")


def test_a_registry_that_is_locked_while_it_is_written_loses_nothing(
    registry: Registry, bundle: Path
) -> None:
    first = registry.register("locked", bundle)
    with (
        locked(registry.bundles.parent / "mlflow.db"),
        pytest.raises(UnavailableError, match="database is locked"),
    ):
        promote(registry, "locked", first, "better", 5)
    assert registry.promotions("locked").newest() is None
    assert promote(registry, "locked", registry.register("locked", bundle), "better", 6).version == "2"
    assert [v.version for v in registry.versions("locked")] == ["2", "1"]


def test_a_promotion_that_is_interrupted_while_the_registry_is_told_leaves_no_claim(
    registry: Registry, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = registry.register("stopped", bundle)

    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(registry._client, "set_registered_model_alias", press)
    with pytest.raises(KeyboardInterrupt):
        promote(registry, "stopped", version, "better", 5)
    monkeypatch.undo()
    promotions = registry.promotions("stopped")
    assert (promotions.last("champion"), promotions.newest()) == (None, None)
    assert promote(registry, "stopped", version, "better", 6).number == 1


def test_a_damaged_registry_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(UnavailableError, match=r"mlflow\.db: .*not a database"):
        Registry(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "r", tmp_path / "b").versions("toy")


def test_the_credentials_in_an_address_are_not_said(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        Registry("http://someone:planted@127.0.0.1:9", tmp_path / "r", tmp_path / "b").versions("toy")
    assert "registry http://127.0.0.1:9" in str(caught.value)
    assert "planted" not in str(caught.value)
