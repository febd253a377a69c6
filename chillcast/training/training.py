"""A training run: a dataset, a model, its judgement beside every baseline, and its bundle in the registry."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import distributions, version
from pathlib import Path

import msgspec

from chillcast.models.learning import learn, pretrained_for
from chillcast.terminal.reporter import Reporter
from chillcast.training.judging import Judged, Judging, judge_causes, judge_model, judge_others, judge_unseen
from chillcast.training.training_config import TrainingConfig
from chillcast.training.truth import ceiling_of, read_truth
from models.errors import ConfigError
from models.evaluation.backtest import Backtest, BacktestResult, figures
from models.evaluation.cause_accuracy import Naming, naming_figures
from models.fleet.fleet import Fleet
from models.fleet.inventory import Inventory
from models.fleet.training import Training
from models.learning.division import Division
from models.learning.fitting import Fitted
from models.learning.plan import Search, TrainingPlan
from models.learning.task_pool import TaskPool
from models.learning.tuning import tune
from models.risk.model_set import counts
from models.store.dataset import Catalogue, Dataset, StoredHistory, inventory_of, select
from models.store.feature_store import FeatureStore

ROOT, LOCK = Path(__file__).parents[2], "requirements/all.txt"


@dataclass(frozen=True, slots=True)
class Packing:
    """Where the models of segments are packed before they are a bundle, and where they are trained."""

    path: Path
    pool: TaskPool


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A finished run; ``unseen`` judges the held-out machines alone, ``ceiling`` is of a simulated fleet."""

    config: TrainingConfig
    fleet: Fleet
    dataset: Dataset
    fitted: Fitted
    trials: int = 0
    model: BacktestResult | None = None
    baselines: tuple[BacktestResult, ...] = ()
    unseen: BacktestResult | None = None
    naming: tuple[Naming, ...] = ()
    ceiling: float | None = None

    @property
    def judgements(self) -> list[BacktestResult]:
        """Every judgement, the model's first."""
        return [j for j in (self.model, *self.baselines, self.unseen) if j is not None]

    @property
    def metrics(self) -> dict[str, float]:
        """All figures, flat."""
        own = counts(self.fitted.models.index)
        if self.ceiling is not None:
            own["no_precursor_ceiling"] = self.ceiling
        return {**self.fitted.metrics, **figures(self.judgements), **naming_figures(self.naming), **own}

    @property
    def lineage(self) -> dict[str, str]:
        """What went into the bundle. Who made it, and when, stand with its registration."""
        training = msgspec.json.encode(self.fitted.training, order="deterministic").decode()
        return {
            "dataset": self.dataset.digest,
            "slice": self.config.slice_of(self.dataset.digest),
            "segments_by": self.config.evaluation.segments_by,
            "examples_sha256": self.fitted.dataset_sha256,
            **self.fitted.beginning,
            "config_sha256": self.config.sha256,
            "seed": str(self.config.seed),
            "training": training,
            "tuning": f"{self.trials} trials" if self.trials else "none",
            "code": f"{version('chillcast')} {code_digest()}",
            "dependencies": dependency_digest(),
        }


def train(
    store: FeatureStore,
    fleet: Fleet,
    config: TrainingConfig,
    reporter: Reporter,
    trials: int = 0,
    packing: Packing | None = None,
) -> TrainingRun:
    """Fit on what lies before the test days, then judge the model and every baseline on them.

    So many ``trials`` of parameters come first, if there are any. ``packing`` is needed where the
    configuration divides the fleet. Raises ModelError if the data do not suffice, with what is missing.
    """
    dataset = _dataset(store, fleet, config)
    plan = TrainingPlan(
        fleet=fleet,
        start_ms=config.from_ms,
        until_ms=config.test_ms,
        seed=config.seed,
        held_out=config.held_out,
        search=_search(trials, config.seed, reporter),
        pretrained=pretrained_for(fleet),
        division=_division(store, dataset, config, packing, fleet.training),
    )
    fitted = learn(plan, StoredHistory(store, dataset, fleet), reporter)
    _say_what_is_missing(fitted, fleet, reporter)
    with reporter.step("judging") as advance:
        seen = Judging(store, dataset, plan, fitted).see(config.until_ms, advance)
    backtest = _backtest(config, plan, seen, inventory_of(store, dataset))
    run = TrainingRun(config, fleet, dataset, fitted, trials)
    return _judged(run, seen, backtest, plan, ceiling_of(read_truth(store), backtest.later_ms))


def _say_what_is_missing(fitted: Fitted, fleet: Fleet, reporter: Reporter) -> None:
    for name in _silent(fitted.unused, fleet):
        reporter.line(f"sensor {name} has no value in the training range: left out")
    if fitted.model.causes is None:
        reporter.line(without_causes(fitted.causes, fitted.training.cause_outcomes))


def _backtest(config: TrainingConfig, plan: TrainingPlan, seen: Judged, inventory: Inventory) -> Backtest:
    return Backtest(
        plan.fleet.alerting,
        seen.log,
        earlier_ms=plan.later_ms,
        later_ms=(config.test_ms, config.until_ms),
        top_k=config.evaluation.top_k,
        segment_of=inventory.segments_by(config.evaluation.segments_by),
    )


def _judged(
    run: TrainingRun, seen: Judged, backtest: Backtest, plan: TrainingPlan, ceiling: float | None
) -> TrainingRun:
    """Judge the model, every baseline, and the machines that were held out."""
    fitted, threshold, held_out = run.fitted, run.fitted.model.threshold, run.config.held_out
    is_split = bool(run.config.split.held_out_share)
    model = judge_model(seen, backtest, threshold)
    others = judge_others(seen, backtest, plan, divided=bool(fitted.models.index.routes))
    return replace(
        run,
        model=model,
        baselines=tuple(others),
        unseen=judge_unseen(seen, backtest, held_out, threshold) if is_split else None,
        naming=judge_causes(seen, backtest, model, fitted.causes),
        ceiling=ceiling,
    )


def _search(trials: int, seed: int, reporter: Reporter) -> Search | None:
    return functools.partial(tune, trials=trials, seed=seed, report=reporter.line) if trials else None


def _dataset(store: FeatureStore, fleet: Fleet, config: TrainingConfig) -> Dataset:
    """Name the data, and refuse other data than the configuration pins."""
    wanted = config.data
    dataset = select(store, fleet.name, config.from_ms, config.until_ms, wanted.fingerprint)
    if wanted.dataset is not None and not dataset.digest.startswith(wanted.dataset):
        expected = f"{dataset.digest[:16]}, as the store is now (chillcast data diff says what changed)"
        raise ConfigError("training configuration", "data.dataset", wanted.dataset, expected)
    Catalogue(store).keep(dataset)
    return dataset


def _division(
    store: FeatureStore, dataset: Dataset, config: TrainingConfig, packing: Packing | None, training: Training
) -> Division | None:
    """Return how the fleet is divided, None if it is not.

    Raises ConfigError for an attribute nobody knows, and for folds: they calibrate no segments.
    """
    if config.segments is None or packing is None:
        return None
    inventory, source = inventory_of(store, dataset), "training configuration"
    config.segments.check(inventory, source)
    if training.calibration_folds > 1:
        expected = "0, and a calibration_share, beside [segments]: folds calibrate the fleet's model alone"
        raise ConfigError(source, "training.calibration_folds", training.calibration_folds, expected)
    return Division(config.segments, inventory, packing.path, packing.pool)


def _silent(unused: Sequence[str], fleet: Fleet) -> list[str]:
    """Return the sensors of which the mean of any window is among the features without a value."""
    return [key for key in fleet.keys if any(n.startswith(f"{key}.") and n.endswith(".mean") for n in unused)]


def without_causes(counts: Mapping[str, int], fewest: int) -> str:
    """Say why a model names no causes.

    >>> without_causes({"oil": 9, "ice": 2, "": 1}, 5)
    'no causes are learnt: expected two with 5 outcomes or more in the training slice, there are oil 9, ice 2'
    """
    named = sorted((-n, code) for code, n in counts.items() if code)
    there = ", ".join(f"{code} {-n}" for n, code in named) or "none with a code"
    wanted = f"expected two with {fewest} outcomes or more in the training slice"
    return f"no causes are learnt: {wanted}, there are {there}"


def code_digest(packages: Sequence[str] = ("chillcast", "models", "simulators", "streams")) -> str:
    """Return the beginning of a SHA-256 over the sources of chillcast, as they are run."""
    total = hashlib.sha256()
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            total.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return total.hexdigest()[:16]


def dependency_digest(root: Path = ROOT) -> str:
    """Return the beginning of a SHA-256 over what this runs on, and of what.

    That is the lock of a checkout; an installed chillcast has none, and takes the names and versions of what
    is installed.
    """
    lock = root / LOCK
    if lock.exists():
        return f"{LOCK} {hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    installed = sorted({f"{d.metadata['Name']}=={d.version}".lower() for d in distributions()})
    return f"installed {hashlib.sha256(chr(10).join(installed).encode()).hexdigest()[:16]}"
