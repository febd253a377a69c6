"""A training run: a dataset, a model, its judgement beside every baseline, and its bundle in the registry."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import distributions, version
from pathlib import Path

import msgspec
import numpy as np

from chillcast.models.learning import learn
from chillcast.terminal.reporter import Advance, Reporter
from chillcast.training.training_config import TrainingConfig
from chillcast.training.truth import ceiling_of, read_truth
from models.alerting.policy import RiskSeries
from models.errors import ConfigError
from models.evaluation.backtest import Backtest, BacktestResult, figures, of_assets
from models.evaluation.baselines import Watched, baselines, day_columns, newest_columns, while_running
from models.evaluation.cause_accuracy import Hints, Naming, judge_naming, naming_figures
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.learning.fitting import Fitted, Replayed, Search
from models.learning.segments import Division
from models.learning.tuning import tune
from models.risk.model_set import counts
from models.store.dataset import Catalogue, Dataset, StoredHistory, inventory_of, select
from models.store.feature_store import FeatureStore
from models.telemetry.labels import DAY_MS, is_down, known, observed_until, outcomes, time_to_next, within
from models.telemetry.samples import Event, Float32, Float64, Int32, Int64

ROOT, LOCK = Path(__file__).parents[2], "requirements/all.txt"


@dataclass(frozen=True, slots=True)
class Packing:
    """Where the models of segments are packed before they are a bundle, and by how many processes."""

    path: Path
    processes: int


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

    So many ``trials`` of parameters come first, where there are any. ``packing`` is needed where the
    configuration divides the fleet. Raises ModelError where the data do not suffice, with what is missing.
    """
    dataset = _dataset(store, fleet, config)
    fitted = learn(
        fleet,
        StoredHistory(store, dataset, fleet),
        start_ms=config.from_ms,
        until_ms=config.test_ms,
        seed=config.seed,
        reporter=reporter,
        held_out=config.held_out,
        search=_search(trials, config.seed, reporter),
        division=_division(store, dataset, config, packing),
    )
    for name in _silent(fitted.unused, fleet):
        reporter.line(f"sensor {name} has no value in the training range: left out")
    if fitted.model.causes is None:
        reporter.line(without_causes(fitted.causes, fitted.training.cause_outcomes))
    with reporter.step("judging") as advance:
        seen = _see(store, dataset, fleet, fitted, config, advance)
    backtest = Backtest(
        fleet.alerting,
        seen.events,
        earlier_ms=(config.split_ms(fleet) + fleet.sampling.windows_s[-1] * 1000, config.test_ms),
        later_ms=(config.test_ms, config.until_ms),
        top_k=config.evaluation.top_k,
        segment_of=inventory_of(store, dataset).segments_by(config.evaluation.segments_by),
    )
    return _judged(TrainingRun(config, fleet, dataset, fitted, trials), seen, backtest, store)


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
    store: FeatureStore, dataset: Dataset, config: TrainingConfig, packing: Packing | None
) -> Division | None:
    """Return how the fleet is divided, None where it is not; ConfigError for an attribute nobody knows."""
    if config.segments is None or packing is None:
        return None
    inventory = inventory_of(store, dataset)
    config.segments.check(inventory, "training configuration")
    return Division(config.segments, inventory, packing.path, packing.processes)


def _silent(unused: Sequence[str], fleet: Fleet) -> list[str]:
    """Return the sensors of which the mean of any window is among the features without a value."""
    return [key for key in fleet.keys if any(n.startswith(f"{key}.") and n.endswith(".mean") for n in unused)]


@dataclass(frozen=True, slots=True)
class _Seen:
    """Windows from the first on: risks over the alerting horizon, NaN within the training slice; and what
    baselines look at.

    ``hints`` at the causes, where the model has any, are of the windows before an outcome of the judged days.
    ``undivided`` is what the fleet's model alone would say: the same where it has no segments.
    """

    assets: list[str]
    asset: Int32
    end_ms: Int64
    risk: Float64
    undivided: Float64
    sensors: Float32
    newest: Float32
    events: list[Event]
    hints: Hints | None

    def series(self, scores: Float64) -> RiskSeries:
        """Return scores of these windows as a series."""
        return RiskSeries(self.assets, self.asset, self.end_ms, scores)


def _see(
    store: FeatureStore,
    dataset: Dataset,
    fleet: Fleet,
    fitted: Fitted,
    config: TrainingConfig,
    advance: Advance,
) -> _Seen:
    """Go through the windows once more: on the stride up to the split, then all, and score these."""
    plain = FeatureSchema(fleet)
    daily, newest = day_columns(plain), newest_columns(plain)
    history = StoredHistory(store, dataset, fleet, (*daily, *newest))
    places = {name: i for i, name in enumerate(history.schema.names)}
    risks, sensors, levels, hints = (Replayed(history.assets) for _ in range(4))
    split_ms = config.split_ms(fleet)
    for until_ms, emit_s in ((split_ms - 1, fleet.training.stride_s), (config.until_ms, None)):
        for part in history.until(until_ms, emit_s):
            advance((int(part.end_ms[-1]) - config.from_ms) / (config.until_ms - config.from_ms), "")
            risk = np.full((len(part), 2), np.nan)
            if until_ms >= split_ms:
                risk[:, 0] = fitted.models.score(part.assets, part.asset, part.values)[:, fleet.horizon]
                risk[:, 1] = risk[:, 0]
                if fitted.models.index.routes:
                    risk[:, 1] = fitted.model.score(part.values)[:, fleet.horizon]
            codes = history.codes(part)
            risks.add(codes, part.end_ms, risk)
            sensors.add(codes, part.end_ms, part.values[:, [places[name] for name in daily]])
            running = while_running(fleet, part.values[:, [places[name] for name in newest]])
            levels.add(codes, part.end_ms, running)
            if until_ms > split_ms and fitted.model.causes is not None:
                wait_ms = time_to_next(history.assets, codes, part.end_ms, history.all_events)
                rows = np.flatnonzero(within(wait_ms, fleet.alerting.horizon_d))
                hints.add(codes[rows], part.end_ms[rows], fitted.model.causes.score(part.values[rows]))
    asset, end_ms, risk = risks.columns()
    scored, alone = risk[:, 0], risk[:, 1]
    values, now, named = sensors.columns()[2], levels.columns()[2], _hints(fitted, hints)
    return _Seen(history.assets, asset, end_ms, scored, alone, values, now, history.events, named)


def _hints(fitted: Fitted, kept: Replayed) -> Hints | None:
    causes = fitted.model.causes
    return Hints(causes.codes, kept.assets, *kept.columns()) if causes and kept.asset else None


def _judged(run: TrainingRun, seen: _Seen, backtest: Backtest, store: FeatureStore) -> TrainingRun:
    """Judge the model, every baseline, and the machines that were held out."""
    config, fleet, own = run.config, run.fleet, seen.series(seen.risk)
    threshold = run.fitted.model.threshold
    model = backtest.judge(
        "model", "LightGBM hazard, calibrated", own, is_probability=True, threshold=threshold
    )
    found = baselines(fleet, _watched(run, seen), seen.events, config.seed)
    others = tuple(backtest.judge(b.name, b.text, seen.series(b.score)) for b in found)
    if run.fitted.models.index.routes:
        alone = seen.series(seen.undivided)
        others += (backtest.judge("fleet", "one model for the whole fleet", alone, is_probability=True),)
    unseen = None
    if config.split.held_out_share:
        mine = replace(backtest, events=[e for e in seen.events if config.held_out(e.asset)])
        of_held_out = of_assets(own, config.held_out)
        unseen = mine.judge(
            "unseen",
            "the model on machines that were held out",
            of_held_out,
            is_probability=True,
            threshold=threshold,
        )
    ceiling = ceiling_of(read_truth(store), backtest.later_ms)
    naming = _naming(run, model, seen, backtest)
    return replace(run, model=model, baselines=others, unseen=unseen, naming=naming, ceiling=ceiling)


def _naming(run: TrainingRun, model: BacktestResult, seen: _Seen, backtest: Backtest) -> tuple[Naming, ...]:
    """Judge the causes where a case was opened, and for every outcome a day before it."""
    if seen.hints is None:
        return ()
    first_ms, last_ms = backtest.later_ms
    happened = [e for e in outcomes(seen.events) if first_ms < e.time_ms <= last_ms]
    moments: dict[str, Sequence[tuple[Event, int]]] = {
        "as the case opened": model.announced,
        "a day before": [(event, event.time_ms - DAY_MS) for event in happened],
    }
    taught, horizon_d = run.fitted.causes, run.fleet.alerting.horizon_d
    return tuple(judge_naming(when, at, seen.hints, taught, horizon_d) for when, at in moments.items())


def without_causes(counts: Mapping[str, int], fewest: int) -> str:
    """Say why a model names no causes.

    >>> without_causes({"oil": 9, "ice": 2, "": 1}, 5)
    'no causes are learnt: expected two with 5 outcomes or more in the training slice, there are oil 9, ice 2'
    """
    named = sorted((-n, code) for code, n in counts.items() if code)
    there = ", ".join(f"{code} {-n}" for n, code in named) or "none with a code"
    wanted = f"expected two with {fewest} outcomes or more in the training slice"
    return f"no causes are learnt: {wanted}, there are {there}"


def _watched(run: TrainingRun, seen: _Seen) -> Watched:
    """Label the windows of the training slice for the baselines, as the model's are."""
    fleet, config, names = run.fleet, run.config, seen.assets
    split_ms, horizon_d = config.split_ms(fleet), fleet.alerting.horizon_d
    taught = np.array([not config.held_out(name) for name in names], bool)[seen.asset]
    taught &= ~is_down(names, seen.asset, seen.end_ms, seen.events) & (seen.end_ms <= split_ms)
    observed_ms = observed_until(
        names, seen.asset, seen.end_ms, seen.events, kinds=fleet.training.censor, until_ms=split_ms
    )
    label = within(time_to_next(names, seen.asset, seen.end_ms, seen.events), horizon_d)
    taught &= known(seen.end_ms, horizon_d, observed_ms)
    return Watched(names, seen.asset, seen.end_ms, seen.sensors, seen.newest, label, taught)


def code_digest() -> str:
    """Return the beginning of a SHA-256 over the sources of chillcast, as they are run."""
    total = hashlib.sha256()
    for package in ("chillcast", "models", "simulators", "streams"):
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
