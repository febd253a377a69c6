"""Parameters by search: within the training slice alone, judged on its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

from models.errors import ModelError
from models.fleet.training import Training
from models.learning.training_set import Examples, inner_split

_PATIENCE = 20


def tune(
    examples: Examples, start_ms: int, split_ms: int, *, trials: int, seed: int, report: Callable[[str], None]
) -> Training:
    """Try parameters by a tree-structured Parzen estimator; return those with the lowest log-loss.

    The end of the training slice judges them, as in early stopping; neither calibration nor test days are
    seen. The first trial is of the parameters as given. The same examples and seed give the same parameters.
    Raises ModelError if Optuna is missing, or if that end has no outcome.
    """
    optuna = _optuna()
    given = examples.fleet.training
    given = replace(given, early_stopping=given.early_stopping or _PATIENCE)
    earlier, later = inner_split(examples, start_ms, split_ms)

    def loss(trial: Any) -> float:
        tried = given if trial.number == 0 else _with(given, _suggested(trial))
        booster = examples.fit(earlier, tried, seed, later).booster
        found = float(booster.best_score["valid_0"]["binary_logloss"])
        what = "as given" if trial.number == 0 else trial.params
        trees = f"{booster.best_iteration} trees"
        report(f"trial {trial.number + 1} of {trials}: log-loss {found:.5f}, {trees}, {what}")
        return found

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(loss, n_trials=trials)
    best = study.best_trial
    report(f"trial {best.number + 1} of {trials} is best, log-loss {best.value:.5f}")
    return given if best.number == 0 else _with(given, best.params)


def _optuna() -> ModuleType:
    try:
        import optuna  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise ModelError("Optuna is not installed: pip install 'chillcast[tuning]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


_RANGES: dict[str, tuple[float, float]] = {
    "learning_rate": (0.01, 0.2),
    "num_leaves": (4, 63),
    "min_data_in_leaf": (20, 500),
    "lambda_l2": (0.01, 100.0),
    "feature_fraction": (0.1, 1.0),
}


def _suggested(trial: Any) -> dict[str, float | int]:
    found: dict[str, float | int] = {}
    for name, (low, high) in _RANGES.items():
        suggest = trial.suggest_int if isinstance(low, int) else trial.suggest_float
        found[name] = suggest(name, low, high, log=name != "feature_fraction")
    return found


def _with(training: Training, parameters: dict[str, Any]) -> Training:
    return replace(training, parameters={**training.parameters, **parameters})
