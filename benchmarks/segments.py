"""A model for each of 18,000 machines: trained, packed, registered, verified, loaded and scored with.

``python -m benchmarks.segments [MACHINES]``. Each has 500 labelled windows of 40 features, and six outcomes.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

import lightgbm as lgb
import numpy as np

from benchmarks.load import seventy_sensors
from benchmarks.record import record
from models.event_time import DAY_MS
from models.features.schema import FeatureSchema
from models.fleet.inventory import NOTHING
from models.fleet.training import Training
from models.learning.division import Division, Segments
from models.learning.segments import train_segments
from models.learning.training_set import Examples
from models.registry.bundle import load_bundle, write_bundle
from models.registry.mlflow_registry import Registry
from models.risk.hazard import RiskModel
from models.risk.model_set import ModelSet
from models.risk.pack import Recent
from models.telemetry.event_log import EventLog
from models.telemetry.labels import Labels
from models.telemetry.window_keys import WindowKeys

MACHINES, WINDOWS, FEATURES, OUTCOMES = 18_000, 500, 40, 6
STEP_MS, SPAN_MS = DAY_MS // 2, WINDOWS * (DAY_MS // 2)
TRAINING = Training(rounds=40, negatives_per_positive=5, parameters={"num_leaves": 4, "min_data_in_leaf": 10})
BY_MACHINE = Segments(by="asset", minimum_instances=200, minimum_failures=5)
FEW, SAMPLE, ROOM = 1000, 2001, 128 * 1024 * 1024
T = TypeVar("T")


def made_up(machines: int) -> Examples:
    """Return windows every twelve hours; each machine has a feature of its own that rises before outcomes."""
    rng = np.random.default_rng(1)
    end_ms = np.arange(1, WINDOWS + 1) * STEP_MS
    features = rng.normal(size=(machines * WINDOWS, FEATURES)).astype(np.float32)
    waits = np.empty((machines, WINDOWS), np.int64)
    for i in range(machines):
        at_ms = np.append(np.sort(rng.choice(SPAN_MS, OUTCOMES, replace=False)), 2 * SPAN_MS)
        waits[i] = at_ms[np.searchsorted(at_ms, end_ms, side="right")] - end_ms
        features[i * WINDOWS : (i + 1) * WINDOWS, i % FEATURES] += np.exp(-waits[i] / (4 * DAY_MS))
    count, fleet = machines * WINDOWS, seventy_sensors()
    return Examples(
        fleet,
        FeatureSchema(fleet),
        np.arange(FEATURES),
        features,
        WindowKeys(
            tuple(f"CH-{i:06d}" for i in range(machines)),
            np.repeat(np.arange(machines, dtype=np.int32), WINDOWS),
            np.tile(end_ms, machines),
        ),
        Labels(np.tile(end_ms, machines), waits.ravel(), np.full(count, SPAN_MS)),
        np.full(count, -1),
        EventLog(),
    )


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what came of work, and the seconds that it took."""
    started = time.perf_counter()
    found = work()
    return found, time.perf_counter() - started


def divided(examples: Examples, fleet: RiskModel, folder: Path, processes: int) -> ModelSet:
    """Train a model for each machine."""

    def say(done: int, total: int) -> None:
        if done % 2000 == 0:
            print(f"{done} of {total} segments", file=sys.stderr, flush=True)

    return train_segments(
        Division(BY_MACHINE, NOTHING, folder / f"{processes}.pack", processes),
        examples,
        fleet,
        training=TRAINING,
        seed=1,
        span_ms=(0, SPAN_MS),
        progress=say,
    )


def training(machines: int, folder: Path) -> ModelSet:
    """Train the set beside one booster for the fleet, and a part of it in one process."""
    examples, processes = made_up(machines), os.cpu_count() or 1
    rows = examples.at_risk(0, SPAN_MS)
    fleet, fleet_s = timed(lambda: examples.fit(rows, TRAINING, 1))
    models, set_s = timed(lambda: divided(examples, fleet, folder, processes))
    few, small = min(machines, FEW), made_up(min(machines, FEW))
    _, one_s = timed(lambda: divided(small, fleet, folder / "few", 1))
    trained = len(models.index.members)
    record(
        f"segments: {trained} trained in {processes} processes, against one for the fleet",
        set_s,
        fleet_s,
        "s",
    )
    record(
        f"segments: trained in {processes} processes, against one process", trained / set_s, few / one_s, "/s"
    )
    return models


def registering(models: ModelSet, folder: Path) -> Path:
    """Write, register and verify the set beside a bundle with the fleet's model alone."""
    registry = Registry(f"sqlite:///{folder}/mlflow.db", folder / "registry", folder / "bundles")
    took: dict[str, list[float]] = {"written": [], "registered": [], "verified by another process": []}
    for name, given in (("one", models.fleet), ("set", models)):
        bundle, steps = folder / name, []
        for work in (
            lambda b=bundle, g=given: write_bundle(b, g, None, fleet="bench", metrics={}, lineage={}),
            lambda b=bundle: registry.register("bench", b),
            lambda b=bundle: load_bundle(b, models.fleet.fingerprint),
        ):
            steps.append(timed(work)[1])
        for found, seconds in zip(took.values(), steps, strict=True):
            found.append(seconds)
    for name, (one_s, set_s) in took.items():
        record(f"segments: set {name}, against a single model", set_s, one_s, "s")
    nbytes = [sum(p.stat().st_size for p in (folder / name).iterdir()) for name in ("set", "one")]
    record("segments: size of the bundle, against a single model's", *nbytes, "bytes")
    return folder / "set"


def loading(bundle: Path, fingerprint: str) -> None:
    """Load members that nobody has loaded, beside the fleet's model."""
    loaded = load_bundle(bundle, fingerprint, smoke=False, recent=Recent(1 << 40))
    names = np.random.default_rng(2).permutation(list(loaded.index.members))[:SAMPLE].tolist()
    loaded.member(names.pop())
    before, estimated = resident(), loaded.recent.nbytes
    took_ms = [1e3 * timed(lambda n=name: loaded.member(n))[1] for name in names]
    grown, expected = resident() - before, loaded.recent.nbytes - estimated
    path = bundle / "booster.txt"
    fleet_ms = 1e3 * min(timed(lambda: lgb.Booster(model_str=path.read_text()))[1] for _ in range(20))
    for name, share in (("median", 0.5), ("99 of 100", 0.99)):
        value = float(np.quantile(took_ms, share))
        record(f"segments: one model loaded ({name}), against the fleet's", value, fleet_ms, "ms")
    record("segments: memory of 2,000 models, against the estimate", grown, expected, "bytes")


def scoring(bundle: Path, fingerprint: str) -> None:
    """Score a window of every machine, with room for a part of the models, beside the fleet's alone."""
    bounded = load_bundle(bundle, fingerprint, smoke=False, recent=Recent(ROOM))
    machines, rng = list(bounded.index.routes), np.random.default_rng(3)
    rows = rng.normal(size=(len(machines), len(bounded.fleet.feature_names))).astype(np.float32)
    asset = np.arange(len(machines), dtype=np.int32)
    _, fleet_s = timed(lambda: bounded.fleet.score(rows))
    before = resident()
    _, cold_s = timed(lambda: bounded.score(machines, asset, rows))
    grown, few = resident() - before, slice(0, len(bounded.recent) // 2)
    bounded.score(machines[few], asset[few], rows[few])
    _, warm_s = timed(lambda: bounded.score(machines[few], asset[few], rows[few]))
    alone = len(machines) / fleet_s
    fresh, held = len(machines) / cold_s, len(asset[few]) / warm_s
    record("segments: windows scored, each model loaded for it, against the fleet's", fresh, alone, "/s")
    record("segments: windows scored by models that are held, against the fleet's", held, alone, "/s")
    record("segments: memory that scoring all machines took, against its bound", grown, ROOM, "bytes")


def resident() -> int:
    """Return the bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Measure all of it."""
    machines = int(sys.argv[1]) if len(sys.argv) > 1 else MACHINES
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        models = training(machines, Path(scratch))
        bundle = registering(models, Path(scratch))
        # In processes of their own, whose memory nobody has used before.
        for part in (loading, scoring):
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                pool.submit(part, bundle, models.fleet.fingerprint).result()


if __name__ == "__main__":
    main()
