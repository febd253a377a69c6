"""From a training run to a registered version: bundle, report and card, and what is said of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import msgspec

from chillcast.models.learning import write
from chillcast.models.modelling import Models
from chillcast.pipeline.home import at_work
from chillcast.resources import Resources
from chillcast.settings import Settings
from chillcast.terminal.person import by_terminal
from chillcast.terminal.plotting import keep_cache_under
from chillcast.terminal.reporter import Reporter
from chillcast.training.training import Packing, TrainingRun, train
from chillcast.training.training_config import TrainingConfig
from models.errors import UnavailableError
from models.evaluation.backtest import BacktestResult
from models.fleet.fleet import load_fleet
from models.learning.task_pool import LocalPool, TaskPool
from models.registry.manifest import bundle_sha256
from models.risk.model_set import summary

BUNDLE, DOCUMENTS = "bundle", "documents"
_SHOWN = (
    "shutdowns",
    "alerted",
    "recall",
    "recall_at_budget",
    "cases",
    "precision",
    "false_alarms",
    "false_alarms_per_asset_year",
    "confirmed",
    "lead_days_median",
    "top_k_precision",
    "roc_auc",
    "average_precision",
    "brier",
    "log_loss",
)


def train_and_register(
    settings: Settings,
    config: TrainingConfig,
    reporter: Reporter,
    *,
    promoted: bool,
    trials: int,
    pool: TaskPool | None = None,
) -> dict[str, Any]:
    """Run a training, register what it made, and return what there is to say of it.

    Raises ModelError if it is to be ``promoted`` and the gate refuses it; it is registered all the same.
    Raises UnavailableError, which says where the bundle lies, if the registry is away, and ConfigError
    if another command learns in the same home.
    """
    fleet = config.applied_to(load_fleet(settings.fleet_path), "training configuration")
    models, by = Models(Resources(settings, fleet)), by_terminal()
    with (
        at_work(settings.home_path, "training"),
        models.resources.audit.recording(by, "train model", f"model of {fleet.name}", config.sha256) as said,
    ):
        folder = settings.home_path / "run"
        run = make(models.resources, config, reporter, folder=folder, trials=trials, pool=pool)
        version = _registered(models, folder, reporter)
        said(f"version {version}, trained on dataset {run.dataset.digest[:16]}")
        reporter.line(f"report: {folder / DOCUMENTS / 'report.html'}")
        if promoted:
            models.promote(version, reason=f"trained on dataset {run.dataset.digest[:16]}", by=by)
    return {"version": version, "bundle_sha256": bundle_sha256(folder / BUNDLE), **described(run)}


def make(
    resources: Resources,
    config: TrainingConfig,
    reporter: Reporter,
    *,
    folder: Path,
    trials: int = 0,
    pool: TaskPool | None = None,
) -> TrainingRun:
    """Run a training; write its bundle, and report and card for people, into ``folder``."""
    packing = Packing(folder / "segments.pack", pool or LocalPool(os.cpu_count() or 1))
    store, fleet = resources.feature_store, resources.fleet
    run = train(store, fleet, config, reporter, trials=trials, packing=packing)
    bundle = write(run.fitted, resources, folder / BUNDLE, lineage=run.lineage, metrics=run.metrics)
    _document(resources.settings, run, bundle, folder / DOCUMENTS)
    return run


def _registered(models: Models, folder: Path, reporter: Reporter) -> str:
    bundle = folder / BUNDLE
    try:
        with reporter.step("registering the model"):
            return models.registry.register(models.fleet.name, bundle, folder / DOCUMENTS)
    except UnavailableError as error:
        kept = f"nothing is lost: chillcast models register {bundle} --fleet {models.settings.fleet}"
        raise UnavailableError(f"{error}; {kept}") from error


def described(run: TrainingRun) -> dict[str, Any]:
    """Return a run's figures: the model's, each baseline's, those of machines that were held out."""
    return {
        "dataset": run.dataset.digest,
        "threshold": run.fitted.model.threshold,
        "trees": run.fitted.model.booster.num_trees(),
        "features_without_a_value": len(run.fitted.unused),
        "no_precursor_ceiling": run.ceiling,
        "causes": {n.when: msgspec.to_builtins(n) for n in run.naming} or None,
        "segments": summary(run.fitted.models.index),
        "metrics": {j.name: shown(j) for j in run.judgements},
    }


def shown(judgement: BacktestResult) -> dict[str, Any]:
    """Return the figures of a judgement that fit into a line."""
    return {name: getattr(judgement, name) for name in _SHOWN}


def _document(settings: Settings, run: TrainingRun, bundle: Path, folder: Path) -> None:
    """Write report and card for people."""
    keep_cache_under(settings.home_path)
    from chillcast.training.model_report import write_card, write_report  # noqa: PLC0415

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_report(run, folder / "report.html")
    write_card(run, bundle_sha256(bundle), folder / "card.md")
