"""A bundle with segments is verified as one without, and every member with it."""

from __future__ import annotations

import hashlib
import re
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from models.errors import ModelError
from models.registry.bundle import load_bundle
from models.registry.manifest import read_manifest
from models.risk.pack import Recent
from tests.support.divided_fleet import divided
from tests.support.rising_fleet import written


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    written(divided(folder), folder / "b")
    return folder / "b"


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "b"))


def content(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return found


def vouch(folder: Path) -> None:
    """Write a manifest that fits whatever the files hold."""
    manifest = content(folder / "manifest.json")
    names = [name for name in manifest["files"] if (folder / name).exists()]
    manifest["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))


def reindex(folder: Path, **changes: object) -> None:
    path = folder / "segments.json"
    path.write_bytes(msgspec.json.encode({**content(path), **changes}))
    vouch(folder)


def repack(folder: Path, change: Callable[[str], str]) -> None:
    """Change the text of the first member, with an index and a manifest that vouch for it."""
    path, pack = folder / "segments.json", folder / "segments.pack"
    members = content(path)["members"]
    name, entry = next(iter(sorted(members.items())))
    text = zlib.decompress(pack.read_bytes()[entry["at"] : entry["at"] + entry["length"]]).decode()
    assert change(text) != text
    data = zlib.compress(change(text).encode())
    sha256, at = hashlib.sha256(data).hexdigest(), pack.stat().st_size
    pack.write_bytes(pack.read_bytes() + data)
    members[name] = {**entry, "at": at, "length": len(data), "sha256": sha256}
    reindex(folder, members=members)


def fingerprint(folder: Path) -> str:
    return read_manifest(folder).fingerprint


def flip(folder: Path) -> None:
    data = bytearray((folder / "segments.pack").read_bytes())
    data[9] ^= 1
    (folder / "segments.pack").write_bytes(data)


def drop(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        vouch(folder)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (flip, r"segments\.pack: sha256"),
        (lambda f: (f / "segments.pack").unlink(), r"segments\.pack: No such file"),
        (
            drop("booster.txt"),
            r"expected booster\.txt, expectation\.json, fleet\.json, segments\.json, segments\.pack",
        ),
        (
            drop("segments.pack"),
            r"expected booster\.txt, expectation\.json, fleet\.json, segments\.json, segments\.pack",
        ),
        (
            drop("segments.json"),
            r"expected booster\.txt, expectation\.json, fleet\.json, segments\.json, segments\.pack",
        ),
    ],
)
def test_a_set_that_is_not_whole_is_refused(folder: Path, spoil: Callable[[Path], None], reason: str) -> None:
    spoil(folder)
    with pytest.raises(ModelError, match=reason):
        read_manifest(folder)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda f: reindex(f, routes={"a00": "model:Z"}), r"a00: model:Z: expected one of its 2 members"),
        (lambda f: reindex(f, lines={"model": [[1.0, 0.0]]}), r"lines: model: 1: expected 2, one per hor"),
        (lambda f: reindex(f, levels=3), r"segments\.json: not an index"),
        (lambda f: reindex(f, surprise=3), r"segments\.json: not an index"),
    ],
)
def test_an_index_that_makes_no_sense_is_refused(
    folder: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(folder)
    with pytest.raises(ModelError, match=reason):
        load_bundle(folder, fingerprint(folder), smoke=False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: re.sub(r"(left_child)=\d", r"\1=0", t), r"model:X: tree \d+: left_child"),
        (lambda t: t.replace("left_child=", "left_child=9"), "model:X: "),
        (lambda t: t.replace("objective=binary", "objective=bogus"), "does not score"),
        (lambda t: t.replace("max_feature_idx=", "max_feature_idx=1"), "model:X: max_feature_idx"),
        (lambda t: t[: len(t) // 2], "model:X: "),
    ],
)
def test_a_member_that_is_corrupt_is_found_by_the_process_that_scores_all(
    folder: Path, change: Callable[[str], str], reason: str
) -> None:
    repack(folder, change)
    with pytest.raises(ModelError, match=reason):
        load_bundle(folder, fingerprint(folder))


def test_a_member_whose_bytes_change_under_a_worker_is_refused_when_it_is_loaded(folder: Path) -> None:
    models = load_bundle(folder, fingerprint(folder), recent=Recent(1))
    rows = np.full((1, len(models.fleet.feature_names)), 20.0, np.float32)
    one = np.zeros(1, np.int32)
    before = models.score(("a00",), one, rows)
    models.score(("a10",), one, rows)
    data = (folder / "segments.pack").read_bytes()
    (folder / "segments.pack").write_bytes(bytes(len(data)))
    with pytest.raises(ModelError, match=r"segments\.pack: model:X: sha256 .* was packed"):
        models.score(("a00",), one, rows)
    (folder / "segments.pack").write_bytes(data)
    assert models.score(("a00",), one, rows).tobytes() == before.tobytes()
