from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from models.errors import ModelError
from models.features.expectation import Expectation
from models.registry.bundle import load_bundle, write_bundle
from models.registry.manifest import bundle_sha256, champion, load_expectation, read_manifest
from models.registry.promotion import CHAMPION, Promotion, Promotions
from models.risk.hazard import RiskModel
from models.risk.remaining import Span
from tests.support.hazard_model import fitted, history
from tests.support.toy_causes import trained_causes

PRINT = "f" * 16
EXPECTATION = Expectation(sensors=(), surfaces=(), sigma=(), offsets={"a": ()})


@pytest.fixture(scope="module")
def model() -> RiskModel:
    return fitted()


@pytest.fixture
def folder(model: RiskModel, tmp_path: Path) -> Path:
    write_bundle(
        tmp_path / "b", model, EXPECTATION, fleet="toy", metrics={"brier": 0.1}, lineage={"seed": "1"}
    )
    return tmp_path / "b"


def test_a_loaded_bundle_scores_bit_for_bit_the_same(folder: Path, model: RiskModel) -> None:
    features = history(9)[0]
    assert load_bundle(folder, PRINT).fleet.score(features).tobytes() == model.score(features).tobytes()
    assert load_expectation(folder) == EXPECTATION


def test_the_same_model_gives_the_same_bytes(folder: Path, model: RiskModel, tmp_path: Path) -> None:
    again = tmp_path / "again"
    sha256 = write_bundle(
        again, model, EXPECTATION, fleet="toy", metrics={"brier": 0.1}, lineage={"seed": "1"}
    )
    assert sha256 == bundle_sha256(folder) == bundle_sha256(again)
    for path in folder.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()


def test_the_span_that_was_learnt_comes_along_and_an_older_bundle_has_none(
    model: RiskModel, tmp_path: Path
) -> None:
    span, folder = Span(low=0.1, high=0.75, outcomes=21), tmp_path / "b"
    write_bundle(folder, replace(model, span=span), None, fleet="toy", metrics={}, lineage={})
    assert load_bundle(folder, PRINT).fleet.span == span
    without = {key: value for key, value in content(folder).items() if key != "span"}
    (folder / "manifest.json").write_bytes(msgspec.json.encode(without))
    assert load_bundle(folder, PRINT).fleet.span is None


def flip(folder: Path) -> None:
    data = bytearray((folder / "booster.txt").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "booster.txt").write_bytes(bytes(data))


def content(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = msgspec.json.decode((folder / "manifest.json").read_bytes())
    return manifest


def rewrite(folder: Path, **changes: object) -> None:
    (folder / "manifest.json").write_bytes(msgspec.json.encode({**content(folder), **changes}))


def recalibrate(folder: Path, **changes: object) -> None:
    rewrite(folder, parameters={**content(folder)["parameters"], **changes})


def respan(folder: Path, **changes: object) -> None:
    rewrite(folder, span={"low": 0.2, "high": 0.8, "outcomes": 20, **changes})


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (flip, "booster.txt: sha256"),
        (lambda f: (f / "booster.txt").unlink(), "booster.txt: No such file"),
        (lambda f: (f / "manifest.json").write_bytes(b"{"), "not a manifest"),
        (lambda f: rewrite(f, format=99), "format 99: expected 1"),
        (lambda f: rewrite(f, files={"../../etc/passwd": "0"}), "expected booster.txt"),
        (lambda f: rewrite(f, surprise=1), "surprise"),
        (lambda f: rewrite(f, threshold=None), r"got `null` - at `\$\.threshold`"),
        (lambda f: recalibrate(f, offset=None), r"got `null` - at `\$\.parameters\.offset`"),
        (lambda f: recalibrate(f, lines=[[None, 0.0]] * 3), r"got `null` - at `\$\.parameters\.lines"),
        (lambda f: recalibrate(f, lines=[[1.0, 0.0]]), "1 calibration lines: expected 3, one per horizon"),
        (lambda f: recalibrate(f, columns=[0, 2]), "column 2: expected 0 to 1"),
        (lambda f: recalibrate(f, columns=[-1]), r"at `\$\.parameters\.columns"),
        (lambda f: respan(f, low=-0.1), r">= 0\.0 - at `\$\.span\.low`"),
        (lambda f: respan(f, high=1.1), r"<= 1\.0 - at `\$\.span\.high`"),
        (lambda f: respan(f, outcomes=8), r">= 9 - at `\$\.span\.outcomes`"),
        (lambda f: respan(f, low=0.9), r"span: low 0\.9: expected no more than high 0\.8"),
    ],
)
def test_a_spoilt_bundle_is_refused_with_its_reason(
    folder: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(folder)
    with pytest.raises(ModelError, match=reason):
        read_manifest(folder)


def test_a_bundle_of_another_feature_schema_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"fingerprint f+: this fleet has 0+; .* backfill and train again"):
        load_bundle(folder, "0" * 16)


def replace_booster(folder: Path, data: bytes) -> None:
    """Put another booster into a bundle, with a manifest that vouches for it."""
    (folder / "booster.txt").write_bytes(data)
    sums = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in content(folder)["files"]
    }
    rewrite(folder, files=sums)


def test_a_booster_that_the_library_refuses_is_found_in_another_process(folder: Path) -> None:
    """Its arrays are whole, so only loading it tells."""
    text = (folder / "booster.txt").read_bytes()
    replace_booster(folder, text.replace(b"objective=binary", b"objective=bogus"))
    with pytest.raises(ModelError, match="does not score"):
        load_bundle(folder, PRINT)


def test_a_bundle_that_crashes_its_loader_is_refused_by_a_process_that_lives_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash is an exit by a signal: nothing is caught, nothing is said."""
    rewrite(folder, lineage={"seed": "never scored before"})
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda _, **kw: run([sys.executable, "-c", crash], **kw))
    with pytest.raises(ModelError, match=r"does not score \(exit -11\)"):
        load_bundle(folder, PRINT)


def test_a_bundle_that_has_scored_in_another_process_is_not_scored_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_bundle(folder, PRINT)
    copy = shutil.copytree(folder, folder.with_name("copy"))
    monkeypatch.setattr(subprocess, "run", lambda _, **kw: pytest.fail("it was scored again"))
    load_bundle(copy, PRINT)
    rewrite(copy, lineage={"seed": "another bundle"})
    with pytest.raises(pytest.fail.Exception, match="it was scored again"):
        load_bundle(copy, PRINT)


@pytest.mark.parametrize(
    ("data", "reason"), [(b"\xff\xfe", "not UTF-8"), (b"tree\n", "max_feature_idx None: expected 2")]
)
def test_a_booster_that_is_no_model_text_is_refused(folder: Path, data: bytes, reason: str) -> None:
    replace_booster(folder, data)
    with pytest.raises(ModelError, match=reason):
        load_bundle(folder, PRINT)


def test_a_bundle_without_an_expectation_has_none(model: RiskModel, tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", model, None, fleet="toy", metrics={}, lineage={})
    assert load_expectation(tmp_path / "b") is None
    assert sorted(p.name for p in tmp_path.rglob("*.*")) == ["booster.txt", "manifest.json"]


def test_an_expectation_of_another_form_is_refused(folder: Path) -> None:
    (folder / "expectation.json").write_bytes(b'{"sensors": 1}')
    sha256 = hashlib.sha256(b'{"sensors": 1}').hexdigest()
    rewrite(folder, files={**content(folder)["files"], "expectation.json": sha256})
    with pytest.raises(ModelError, match=r"expectation\.json: not an expectation"):
        load_expectation(folder)


def point(folder: Path, version: str, sha256: str) -> None:
    promotions = Promotions(folder)
    promotions.claim(Promotion(version=version, sha256=sha256, reason="test", promoted_ms=1, number=1))
    promotions.enforce(CHAMPION)


def test_the_pointer_leads_to_the_promoted_bundle(folder: Path) -> None:
    point(folder.parent, "b", bundle_sha256(folder))
    assert champion(folder.parent) == ("b", folder)


def test_without_a_champion_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no champion yet: train and promote a model"):
        champion(tmp_path)


def test_a_bundle_other_than_the_promoted_one_is_refused(folder: Path) -> None:
    point(folder.parent, "b", "0" * 64)
    with pytest.raises(ModelError, match="was promoted"):
        champion(folder.parent)


@pytest.mark.parametrize("version", ["../b", "..", "/etc", "", "a b"])
def test_a_version_that_is_a_path_is_refused(tmp_path: Path, version: str) -> None:
    point(tmp_path, version, "0")
    with pytest.raises(ModelError, match="expected letters, digits"):
        champion(tmp_path)


def test_scores_are_probabilities_also_for_a_row_of_nan(folder: Path) -> None:
    scores = load_bundle(folder, PRINT, smoke=False).fleet.score(np.full((1, 2), np.nan, np.float32))
    assert ((scores > 0) & (scores < 1)).all()


@pytest.fixture
def naming(model: RiskModel, tmp_path: Path) -> Path:
    """Return a bundle whose model names causes."""
    causes = trained_causes()
    named = replace(model, causes=replace(causes, columns=np.array([0, 1]), temperature=2.0))
    write_bundle(tmp_path / "n", named, None, fleet="toy", metrics={}, lineage={})
    return tmp_path / "n"


def test_causes_come_back_bit_for_bit(naming: Path) -> None:
    loaded, features = load_bundle(naming, PRINT).fleet.causes, history(9)[0]
    expected = replace(trained_causes(), columns=np.array([0, 1]), temperature=2.0)
    assert loaded is not None
    assert loaded.codes == expected.codes
    assert loaded.score(features).tobytes() == expected.score(features).tobytes()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"columns": [0, 9]}, "column 9: expected 0 to 1"),
        ({"codes": ["ice", "oil"]}, r"causes\.txt: num_class 3: expected 2"),
        ({"columns": [0]}, r"causes\.txt: max_feature_idx 1: expected 0"),
        ({"temperature": 0.0}, r"at `\$\.causes\.temperature`"),
    ],
)
def test_causes_that_do_not_fit_their_booster_are_refused(
    naming: Path, changes: dict[str, object], reason: str
) -> None:
    rewrite(naming, causes={**content(naming)["causes"], **changes})
    with pytest.raises(ModelError, match=reason):
        load_bundle(naming, PRINT, smoke=False)


def test_a_booster_of_causes_that_nothing_describes_is_refused(naming: Path) -> None:
    rewrite(naming, causes=None)
    with pytest.raises(ModelError, match=r"files .*causes\.txt.*: expected booster\.txt, expectation\.json"):
        read_manifest(naming)


def test_a_booster_of_causes_that_the_library_refuses_is_found_in_another_process(naming: Path) -> None:
    text = (naming / "causes.txt").read_bytes().replace(b"objective=multiclass", b"objective=bogus")
    (naming / "causes.txt").write_bytes(text)
    sums = {**content(naming)["files"], "causes.txt": hashlib.sha256(text).hexdigest()}
    rewrite(naming, files=sums)
    with pytest.raises(ModelError, match="does not score"):
        load_bundle(naming, PRINT)
