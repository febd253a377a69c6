"""A training run from the feature store, as a user runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from chillcast.training.training_config import load_config
from models.errors import ConfigError
from models.registry.manifest import read_manifest
from tests.support.commands import chillcast, printed, refused
from tests.support.drives import drives

CONFIG = """
fleet = "backblaze"
seed = 5
[data]
from = 2020-03-01
until = 2020-03-27
[split]
test_from = 2020-03-16
held_out_share = 0.2
"""


@pytest.fixture(scope="module")
def backfilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("backfilled")
    recording = drives(home / "drives.parquet")
    printed("data", "backfill", str(recording), "--fleet", "backblaze", "--home", str(home))
    return home


@pytest.fixture
def home(backfilled: Path, tmp_path: Path) -> Path:
    """Return a home of one's own with the same feature store."""
    shutil.copytree(backfilled, tmp_path / "home")
    return tmp_path / "home"


def written(home: Path, text: str) -> str:
    (home / "training.toml").write_text(text, encoding="utf-8")
    return str(home / "training.toml")


def test_two_runs_give_the_same_bundle_and_figures_for_the_model_and_every_baseline(home: Path) -> None:
    config = written(home, CONFIG)
    runs = [chillcast("train", config, "--json", home=home) for _ in range(2)]
    assert [r.returncode for r in runs] == [0, 0], runs[0].stderr
    first, second = (json.loads(r.stdout) for r in runs)
    assert first["bundle_sha256"] == second["bundle_sha256"]
    assert (first["version"], second["version"]) == ("1", "2")
    assert set(first["metrics"]) == {"model", "best sensor", "rules", "age", "random", "unseen"}
    assert first["metrics"]["model"]["alerted"] > first["metrics"]["random"]["alerted"]
    manifest = read_manifest(home / "run" / "bundle")
    assert manifest.lineage["slice"] == f"{first['dataset'][:12]} 2020-03-16..2020-03-27"
    wanted = {"recall", "false_alarms_per_asset_year", "log_loss", "brier"}
    assert {f"model_{name}" for name in wanted} <= set(manifest.metrics)
    assert "no causes are learnt: expected two with 5 outcomes or more" in runs[0].stderr
    assert first["causes"] is None
    report = (home / "run" / "documents" / "report.html").read_text()
    assert report.count("<svg") == 2
    assert first["dataset"] in (home / "run" / "documents" / "card.md").read_text()


def test_a_search_needs_a_training_slice_whose_end_can_judge_it(home: Path) -> None:
    reason = refused("train", written(home, CONFIG), "--tune", "2", "--home", str(home))
    assert "of 3.0 days the longest window and the first horizon take 8.0" in reason


def test_a_pinned_dataset_is_insisted_on(home: Path) -> None:
    config = written(home, CONFIG.replace("[split]", 'dataset = "0000"\n[split]'))
    assert "data.dataset = '0000': expected" in refused("train", config, "--home", str(home))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("2020-03-16", "2020-04-16"), "split.test_from = '2020-04-16': expected a date between"),
        (("seed", "sede"), "sede is not known: did you mean seed"),
    ],
)
def test_a_bad_configuration_is_refused_by_key(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "training.toml"
    path.write_text(CONFIG.replace(*change), encoding="utf-8")
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")):
        load_config(path)


SEGMENTS = """
[segments]
by = "model"
group = "site"
minimum_instances = 100
minimum_failures = 5
rounds = 20
"""


def test_a_set_is_trained_packed_as_one_version_promoted_shown_and_verified(home: Path) -> None:
    config = written(home, CONFIG + SEGMENTS)
    reason = refused("train", config, "--home", str(home))
    assert "segments.group = 'site': expected one of asset, model" in reason
    (home / "sites.csv").write_text("asset,site\nDRIVE00001,north\n")
    folded = written(
        home, CONFIG + SEGMENTS.replace('"site"', '"asset"') + "[training]\ncalibration_folds = 2\n"
    )
    assert "training.calibration_folds = 2: expected 0" in refused("train", folded, "--home", str(home))
    config = written(home, CONFIG + SEGMENTS)
    named = ["--fleet", "backblaze", "--json"]
    there = [*named, "--home", str(home)]
    assert json.loads(printed("data", "inventory", str(home / "sites.csv"), *there)) == {
        "fleet": "backblaze",
        "machines": 400,
        "segments": {"model": 2, "site": 1},
    }
    runs = [
        chillcast("train", config, "--processes", n, "--json", *more, home=home)
        for n, more in (("1", []), ("2", ["--promote"]))
    ]
    assert [r.returncode for r in runs] == [0, 0], runs[0].stderr + runs[1].stderr
    first, second = (json.loads(r.stdout) for r in runs)
    assert first["bundle_sha256"] == second["bundle_sha256"]
    assert first["segments"]["model"]["trained"] == 2
    assert first["segments"]["site"]["trained"] == 0
    assert first["segments"]["site"]["without"] == ["site:north: 12 instances: expected 100"]
    assert first["segments"]["site"]["not_trained"] == {"too few instances": 1}
    assert "fleet" in first["metrics"]
    card = (home / "run" / "documents" / "card.md").read_text()
    assert "**Segments by model.** 2 have a model of their own, which scores 400 machines." in card
    assert "1 have none: too few instances." in card
    report = " ".join((home / "run" / "documents" / "report.html").read_text().split())
    assert "<td>model</td><td>2</td><td>400</td> <td>0</td>" in report
    assert '<td>1</td><td style="text-align:left">site:north: 12 instances: expected 100</td>' in report
    figures = read_manifest(home / "run" / "bundle").metrics
    assert (figures["segments_trained/model"], figures["machines_scored/model"]) == (2, 400)
    told = json.loads(printed("models", "show", "2", *there))
    assert told["segments"] == first["segments"]
    assert told["roles"] == ["champion"]
    verified = json.loads(printed("models", "verify", *there))
    assert [(v["version"], v["ok"]) for v in verified] == [("2", True), ("1", True)]
    for words in (["promote", "1", "--override"], ["rollback"]):
        said = printed("models", *words, "--reason", "a look at both", *there)
    assert json.loads(said)["version"] == "2"
    with (home / "bundles" / "backblaze" / "2" / "segments.pack").open("r+b") as pack:
        pack.write(b"!")
    found = json.loads(chillcast("doctor", *named, home=home).stdout)
    assert "segments.pack: sha256" in json.dumps(found)
