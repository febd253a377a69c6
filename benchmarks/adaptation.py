"""What the online layer is worth on drifting fleets, beside others: writes docs/adaptation.md and .json.

``python -m benchmarks.adaptation``. Every contender sees the same windows and gets each label when its
horizon has passed: River's ``progressive_val_score`` with a delay. Figures count from the day of the change.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from river import base, dummy, evaluate, forest, linear_model, metrics, optim, tree
from scipy.special import expit

from benchmarks.adaptation_page import page
from benchmarks.drifting_fleet import Stream, streams
from chillcast.shipped import find_file
from models.adaptation.labels import Matured
from models.adaptation.layer import OnlineLayer
from models.alerting.cases import RiskSeries, cases_of
from models.alerting.hysteresis import HysteresisPolicy
from models.alerting.threshold import learn_threshold
from models.evaluation.metrics import log_loss, log_losses
from models.event_time import DAY_MS
from models.fleet.fleet import load_fleet
from models.telemetry.samples import Float64, Int64
from streams.kafka.topics import partition_of

SEED, PARTITIONS, DRAWS = 20261, 8, 1000
DOCS = Path(__file__).parent.parent / "docs"
ALERTING = replace(load_fleet(find_file("chiller", "fleet")).alerting, false_alarms_per_asset_year=1.0)
HORIZON_D = ALERTING.horizon_d
_SCALE, _LEAST = 4.0, 1e-3
X = dict[str, Any]


class Timed(base.Classifier):
    """A classifier whose answers are kept by window, and whose work is timed."""

    def __init__(self, inner: Any, features: Callable[[X], X]) -> None:
        self.inner, self.features = inner, features
        self.said: dict[int, float] = {}
        self.spent_s = 0.0

    def predict_proba_one(self, x: X) -> dict[bool, float]:
        """Return the probability of an outcome; before anything is learnt it is the champion's."""
        began = time.thread_time()
        found = self.inner.predict_proba_one(self.features(x))
        self.spent_s += time.thread_time() - began
        p = found.get(True, 0.0) if found else float(expit(x["log_odds"]))
        p = self.said[x["row"]] = min(max(p, _LEAST), 1 - _LEAST)
        return {True: p, False: 1 - p}

    def learn_one(self, x: X, y: bool) -> None:
        """Learn from a label."""
        began = time.thread_time()
        self.inner.learn_one(self.features(x), y)
        self.spent_s += time.thread_time() - began


class Static:
    """The champion, which learns nothing."""

    def predict_proba_one(self, x: X) -> dict[bool, float]:
        """Return what the champion says."""
        return {True: float(expit(x["log_odds"]))}

    def learn_one(self, x: X, y: bool) -> None:
        """Learn nothing."""


class Layer:
    """The online layer as the risk stage uses it: what matured by a day is learnt before that day is scored.

    There are as many as ``partitions``, each with the machines that a topic of so many would give it.
    """

    def __init__(self, stream: Stream, partitions: int = 1) -> None:
        self.homes = {name: partition_of(name, partitions) for name in stream.keys.assets}
        self.layers = [OnlineLayer(stream.segments_of) for _ in range(partitions)]
        self.lessons: list[list[Matured]] = [[] for _ in range(partitions)]
        self.rows = self.decided = 0

    def predict_proba_one(self, x: X) -> dict[bool, float]:
        """Return what decides: the adapted risk while it wins, else the champion's."""
        self._mature(x["end_ms"])
        line = self.layers[self.homes[x["asset"]]].deciding(x["asset"])
        self.rows, self.decided = self.rows + 1, self.decided + (line.since_ms > 0)
        return {True: float(expit(line.of(x["log_odds"])))}

    def learn_one(self, x: X, y: bool) -> None:
        """Keep a label until the day is scored."""
        self.lessons[self.homes[x["asset"]]].append(Matured(x["end_ms"], x["asset"], x["log_odds"], y))

    def _mature(self, now_ms: int) -> None:
        for layer, lessons in zip(self.layers, self.lessons, strict=True):
            if lessons:
                list(layer.learn(lessons, now_ms - 1, lessons[0].end_ms))
                lessons.clear()


def contenders(stream: Stream) -> dict[str, Timed]:
    """Return all who are compared, by name."""

    def line(x: X) -> X:
        return {"champion": x["log_odds"] / _SCALE}

    def table(x: X) -> X:
        return {"champion": x["log_odds"] / _SCALE, "model": x["model"], "site": x["site"]}

    nominal = ["model", "site"]
    adagrad = linear_model.LogisticRegression(
        optim.AdaGrad(0.05), intercept_lr=0.02, initializer=optim.initializers.Constant(_SCALE)
    )
    return {
        "static": Timed(Static(), lambda x: x),
        "layer": Timed(Layer(stream), lambda x: x),
        "AdaGrad": Timed(adagrad, line),
        "HoeffdingAdaptiveTree": Timed(
            tree.HoeffdingAdaptiveTreeClassifier(nominal_attributes=nominal, seed=1), table
        ),
        "ARF": Timed(
            forest.ARFClassifier(n_models=5, nominal_attributes=nominal, leaf_prediction="mc", seed=1), table
        ),
        "dummy": Timed(dummy.PriorClassifier(), line),
    }


def questions(stream: Stream, rows: Int64) -> Iterator[tuple[X, bool]]:
    """Yield the windows whose label is once known, in order of time."""
    names, ends = stream.keys.assets, stream.keys.end_ms
    came = stream.labels.follows(HORIZON_D)
    for row in rows.tolist():
        asset, end_ms = names[stream.keys.asset[row]], int(ends[row])
        known = stream.inventory.machines[asset]
        about = {"row": row, "asset": asset, "end_ms": end_ms, "log_odds": float(stream.log_odds[row])}
        yield {**about, "model": known["model"], "site": known["site"]}, bool(came[row])


def follow(stream: Stream, contender: Timed) -> tuple[Int64, Float64]:
    """Let a contender live through a stream; return the rows that count and what it said of them."""
    rows = np.flatnonzero(stream.labels.known(HORIZON_D))
    delay = int(HORIZON_D * DAY_MS)
    asked = questions(stream, rows)
    evaluate.progressive_val_score(asked, contender, metrics.LogLoss(), moment="end_ms", delay=delay)
    later = rows[stream.keys.end_ms[rows] > stream.changed_ms]
    return later, np.array([contender.said[row] for row in later.tolist()])


def recall(stream: Stream, rows: Int64, risk: Float64) -> tuple[int, int]:
    """Return how many shutdowns since the change were announced within the budget, and of how many."""
    part = stream.keys.take(rows)
    series = RiskSeries(part.assets, part.asset, part.end_ms, risk)
    policy = HysteresisPolicy(ALERTING, learn_threshold(ALERTING, series, stream.log))
    cases = cases_of(policy, series, stream.log)
    own = set(part.assets)
    events = [
        e
        for e in stream.log.outcomes.between(int(part.end_ms.min()), int(part.end_ms.max()))
        if e.asset in own
    ]
    return sum(any(c.announces(e, ALERTING.case_ms) for c in cases) for e in events), len(events)


def saves(stream: Stream, rows: Int64, one: Float64, other: Float64) -> tuple[float, float, float]:
    """Return by how much the log-loss of ``one`` is below the other's, with 95 % of draws of machines."""
    came = stream.labels.follows(HORIZON_D)[rows]
    better = log_losses(other, came) - log_losses(one, came)
    machines, number = np.unique(stream.keys.asset[rows], return_inverse=True)
    total, count = np.bincount(number, better), np.bincount(number)
    drawn = np.random.default_rng(1).integers(0, len(machines), (DRAWS, len(machines)))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975]).tolist()
    return float(better.mean()), low, high


def verdict(low: float, high: float) -> str:
    """Return wins, loses or ties."""
    return "wins" if low > 0 else "loses" if high < 0 else "ties"


def judged(stream: Stream) -> dict[str, Any]:
    """Return what came of one stream."""
    found: dict[str, tuple[Int64, Float64]] = {}
    rows_of: list[dict[str, Any]] = []
    came = stream.labels.follows(HORIZON_D)
    for name, contender in contenders(stream).items():
        rows, risk = found[name] = follow(stream, contender)
        announced, shutdowns = recall(stream, rows, risk)
        row = {
            "contender": name,
            "log_loss": log_loss(risk, came[rows]),
            "touched": log_loss(risk[stream.touched[rows]], came[rows][stream.touched[rows]]),
            "announced": announced,
            "shutdowns": shutdowns,
            "us_per_label": 1e6 * contender.spent_s / len(contender.said),
        }
        rows_of.append(row)
        print(stream.name, row, flush=True)
        if isinstance(contender.inner, Layer):
            decided = contender.inner.decided / contender.inner.rows
    rows, own = found["layer"]
    against = []
    for name, (_, risk) in found.items():
        if name != "layer":
            gain, low, high = saves(stream, rows, own, risk)
            against.append(
                {"other": name, "saves": gain, "low": low, "high": high, "verdict": verdict(low, high)}
            )
    touched = len(np.unique(stream.keys.asset[stream.touched]))
    windows = {"windows": len(rows), "positives": int(came[rows].sum()), "touched_machines": touched}
    windows["machines"] = len(stream.keys.assets)
    return {"drift": stream.name, **windows, "decided": decided, "contenders": rows_of, "against": against}


def parted(stream: Stream) -> dict[str, Any]:
    """Return the log-loss of one layer for all machines, and of one for each of eight partitions."""
    came, out = stream.labels.follows(HORIZON_D), {"drift": stream.name}
    for name, partitions in (("one", 1), ("parts", PARTITIONS)):
        timed = Timed(Layer(stream, partitions), lambda x: x)
        rows, risk = follow(stream, timed)
        out[name] = log_loss(risk, came[rows])
        out[f"{name}_decided"] = timed.inner.decided / timed.inner.rows
    rows, _ = follow(stream, static := Timed(Static(), lambda x: x))
    out["static"] = log_loss(np.array([static.said[row] for row in rows.tolist()]), came[rows])
    return out


def main() -> None:
    """Run everything and write the page."""
    began = time.process_time()
    found = streams(SEED)
    report = {
        "seed": SEED,
        "streams": [judged(one) for one in found],
        "parted": [parted(one) for one in found],
    }
    report["cpu_s"] = round(time.process_time() - began)
    (DOCS / "adaptation.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (DOCS / "adaptation.md").write_text(page(report), encoding="utf-8")


if __name__ == "__main__":
    main()
