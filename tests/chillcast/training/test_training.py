"""Training runs in this process: on made-up drives, and on what cannot be learnt from."""

from __future__ import annotations

import shutil
import socket
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chillcast.models.entrants import Entrant, judge_again
from chillcast.models.modelling import Models
from chillcast.resources import Resources
from chillcast.settings import Settings
from chillcast.terminal.reporter import Reporter
from chillcast.training.backfill import backfill, past_of
from chillcast.training.enrolment import train_and_register
from chillcast.training.training import LOCK, TrainingRun, dependency_digest, train
from chillcast.training.training_config import Data, Split, TrainingConfig
from chillcast.training.truth import ceiling_of, keep_truth, read_truth
from models.errors import ModelError, UnavailableError
from models.evaluation.backtest import figures
from models.event_time import DAY_MS
from models.fleet.fleet import load_fleet
from models.registry.manifest import read_manifest
from simulators.truth import ShutdownRecord
from tests.support.drives import drives
from tests.support.registries import put_registry

CONFIG = TrainingConfig(
    fleet="backblaze",
    seed=5,
    data=Data(from_=date(2020, 3, 1), until=date(2020, 3, 27)),
    split=Split(test_from=date(2020, 3, 16)),
    training={"rounds": 30},
)


def filled(home: Path) -> Settings:
    """Return the settings of a home whose feature store holds the drives that lie in it."""
    settings = Settings(home=str(home), fleet="backblaze")
    past = past_of(str(home / "drives.parquet"), load_fleet(settings.fleet_path))
    backfill(Resources(settings, past.fleet), past, None, Reporter())
    return settings


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    drives(home / "drives.parquet")
    return filled(home)


@pytest.fixture
def settings(landed: Settings, tmp_path: Path) -> Settings:
    """Return a home of one's own with the same feature store."""
    shutil.copytree(landed.home_path / "features", tmp_path / "features")
    put_registry(tmp_path)
    return landed.model_copy(update={"home": str(tmp_path)})


def run(settings: Settings, config: TrainingConfig = CONFIG, trials: int = 0) -> TrainingRun:
    fleet = config.applied_to(load_fleet(settings.fleet_path), "training configuration")
    return train(Resources(settings, fleet).feature_store, fleet, config, Reporter(), trials)


def between(first: date, test: date, until: date) -> TrainingConfig:
    return replace(
        CONFIG,
        data=replace(CONFIG.data, from_=first, until=until),
        split=Split(test_from=test),
    )


def test_a_run_promotes_what_passes_the_gate_and_keeps_the_champion_where_it_does_not(
    settings: Settings,
) -> None:
    models = Models(Resources(settings, load_fleet(settings.fleet_path)))

    def enrolled(**training: object) -> str:
        config = replace(CONFIG, training={**CONFIG.training, **training})
        return str(train_and_register(settings, config, Reporter(), promoted=True, trials=0)["version"])

    assert enrolled() == "1"
    assert enrolled() == "2"
    with pytest.raises(ModelError, match=r"version 3 does not pass the gate: .*is wanted; --override"):
        enrolled(rounds=1)
    newest = models.promotions.newest()
    assert newest is not None
    assert newest.version == "2"
    assert newest.reason.startswith("trained on dataset ")
    assert [v.version for v in models.versions()] == ["3", "2", "1"]


def made(settings: Settings, config: TrainingConfig) -> str:
    return str(train_and_register(settings, config, Reporter(), promoted=False, trials=0)["version"])


def test_a_retraining_is_held_against_the_champion_on_its_own_later_days(settings: Settings) -> None:
    models = Models(Resources(settings, load_fleet(settings.fleet_path)))
    early, late = date(2020, 3, 1), date(2020, 3, 27)
    models.promote(
        made(settings, between(early, date(2020, 3, 13), date(2020, 3, 23))), reason="first", override=True
    )
    same, later = made(settings, CONFIG), made(settings, between(early, date(2020, 3, 18), late))
    for version in (same, later):
        verdict = models.gate(version)
        assert {"recall", "false_alarms_per_asset_year", "log_loss", "brier"} <= {
            c.name for c in verdict.checks
        }
        assert "slice" not in {c.name for c in verdict.checks}
    worse = replace(CONFIG, training={"rounds": 1})
    assert "is wanted" in models.gate(made(settings, worse)).objections
    shutil.rmtree(settings.home_path / "features")
    with pytest.raises(ModelError, match=r"not judged again: dataset '\w+': .*shadow it"):
        models.promote(same, reason="its windows are gone")


def test_judged_again_a_version_has_the_figures_of_its_training(settings: Settings) -> None:
    fleet = load_fleet(settings.fleet_path)
    made(settings, CONFIG)
    entrant = Entrant.load("1", settings.home_path / "run" / "bundle")
    (again,) = judge_again(Resources(settings, fleet).feature_store, fleet, entrant, [entrant])
    trained = {n: v for n, v in entrant.manifest.metrics.items() if n.startswith("model_")}
    assert len(trained) >= 8
    assert figures([again]) == trained
    other = replace(entrant, manifest=msgspec.structs.replace(entrant.manifest, fingerprint="0" * 16))
    with pytest.raises(
        ModelError, match=rf"version 1 has features 0+, the slice {entrant.manifest.fingerprint}"
    ):
        judge_again(Resources(settings, fleet).feature_store, fleet, entrant, [other])


def test_a_registry_that_is_away_costs_no_bundle(settings: Settings) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{closed.getsockname()[1]}"
        lost = settings.model_copy(update={"registry_uri": away})
        with pytest.raises(UnavailableError, match=rf"registry {away}.*chillcast models register (\S+)"):
            train_and_register(lost, CONFIG, Reporter(), promoted=False, trials=0)
    folder = settings.home_path / "run" / "bundle"
    assert read_manifest(folder).lineage["dataset"] == run(settings).dataset.digest
    assert Models(Resources(settings, load_fleet(settings.fleet_path))).register(folder) == "1"


def test_days_before_the_first_failure_teach_nothing_and_that_is_said(settings: Settings) -> None:
    with pytest.raises(ModelError, match=r"^0 at-risk windows end in an outcome: .* a longer range"):
        run(settings, between(date(2020, 3, 1), date(2020, 3, 4), date(2020, 3, 10)))


def test_days_that_nobody_recorded_are_named(settings: Settings) -> None:
    with pytest.raises(ModelError, match=r"no windows of any fingerprint from 2021-03-01"):
        run(settings, between(date(2021, 3, 1), date(2021, 3, 9), date(2021, 3, 20)))


def test_a_sensor_without_a_value_is_named_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pq.read_table(drives(tmp_path / "drives.parquet"))
    number = table.schema.get_field_index("smart_194_raw")
    nothing = pa.nulls(len(table), pa.float64())
    pq.write_table(table.set_column(number, "smart_194_raw", nothing), tmp_path / "drives.parquet")
    found = run(filled(tmp_path))
    assert "sensor smart_194 has no value in the training range: left out" in capsys.readouterr().err
    model = found.fitted.model
    assert "smart_194.1d.mean" in found.fitted.unused
    assert not {model.feature_names[i] for i in model.columns} & set(found.fitted.unused)


def test_a_damaged_file_is_named_with_what_to_do(settings: Settings) -> None:
    file = sorted((settings.home_path / "features").rglob("windows/**/*.parquet"))[3]
    data = bytearray(file.read_bytes())
    data[-200:] = bytes(200)
    file.write_bytes(bytes(data))
    with pytest.raises(ModelError, match=rf"{file.name}: damaged: .* move it away and backfill its day"):
        run(settings)


def test_how_many_trials_were_made_is_on_record(settings: Settings) -> None:
    found = run(settings)
    assert found.lineage["tuning"] == "none"
    assert replace(found, trials=3).lineage["tuning"] == "3 trials"


def test_the_dependencies_are_named_by_the_lock_and_without_one_by_what_is_installed(tmp_path: Path) -> None:
    assert dependency_digest().startswith(f"{LOCK} ")
    assert dependency_digest(tmp_path).startswith("installed ")
    (tmp_path / LOCK).parent.mkdir()
    for text in ("numpy==1", "numpy==2"):
        (tmp_path / LOCK).write_text(text)
        assert dependency_digest(tmp_path) != dependency_digest()


def test_what_a_simulator_knows_bounds_what_could_be_announced(settings: Settings) -> None:
    store = Resources(settings, load_fleet(settings.fleet_path)).feature_store
    assert run(settings).ceiling is None
    record = ShutdownRecord("DRIVE00001", 0, "oil", "oil_filter", is_sudden=False)
    days = {17: record, 18: replace(record, cause=""), 19: replace(record, is_sudden=True), 9: record}
    start_ms = CONFIG.from_ms - DAY_MS
    keep_truth(store, "toy", [replace(r, time_ms=start_ms + day * DAY_MS) for day, r in days.items()])
    found = run(settings)
    assert found.ceiling == pytest.approx(1 / 3)
    assert found.metrics["no_precursor_ceiling"] == found.ceiling
    assert found.lineage == run(settings).lineage


def test_the_ceiling_counts_shutdowns_after_the_start_up_to_the_end(settings: Settings) -> None:
    store = Resources(settings, load_fleet(settings.fleet_path)).feature_store
    early, late = (ShutdownRecord("a", ms, "oil", "leak", is_sudden=False) for ms in (10, 20))
    keep_truth(store, "one", [early])
    keep_truth(store, "two", [replace(late, cause="")])
    assert read_truth(store) == [early, replace(late, cause="")]
    assert ceiling_of(read_truth(store), (10, 20)) == 0.0
    assert ceiling_of(read_truth(store), (9, 20)) == 0.5
    assert ceiling_of(read_truth(store), (20, 30)) is None
