"""Own code beside the library that could take its place, where a decision says why which was taken.

``python -m benchmarks.libraries``; see docs/decisions/0014.
"""

from __future__ import annotations

import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from scipy.special import expit

from benchmarks.record import record
from models.event_time import DAY_MS
from models.features.kernel import Windows
from models.risk.pack import Pack, Recent, packed, write_pack
from models.store.feature_store import KEYS, FeatureStore, Origin, StoredSchema

MEMBERS, PICKED = 18_000, 300
DAYS, ASSETS, FEATURES, WANTED = 30, 100, 1000, 150
ROWS = 4000


def best(work: Callable[[], object], times: int = 5) -> float:
    """Return the seconds of the fastest of some runs."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        took.append(time.perf_counter() - started)
    return min(took)


def booster() -> lgb.Booster:
    """Return a booster of the size of a segment's: 40 trees over 70 inputs."""
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(5000, 70))
    label = (inputs[:, 0] + rng.normal(size=5000) > 1).astype(float)
    settings = {"objective": "binary", "num_leaves": 8, "verbose": -1}
    return lgb.train(settings, lgb.Dataset(inputs, label), num_boost_round=40)


def packs(folder: Path) -> None:
    """Open 18,000 boosters, and load some of them: by the pack, and as a zip file."""
    one = booster()
    data, text = packed(one), one.model_to_string()
    names = [f"asset:CH-{i:06d}" for i in range(MEMBERS)]
    pack = write_pack(folder / "pack", ((name, data, 0.0) for name in names))
    with zipfile.ZipFile(folder / "zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as writing:
        for name in names:
            writing.writestr(name, text)
    picked = names[:: MEMBERS // PICKED]
    opened = best(lambda: Pack(folder / "pack", pack.entries)), best(lambda: zipfile.ZipFile(folder / "zip"))
    record("libraries: 18,000 boosters opened, own pack against zipfile", *opened, "s")
    with zipfile.ZipFile(folder / "zip") as reading:
        own = best(lambda: [lgb.Booster(model_str=pack.text(name)) for name in picked])
        zipped = best(lambda: [lgb.Booster(model_str=reading.read(name).decode()) for name in picked])
    each = 1000 / len(picked)
    record("libraries: a booster loaded, own pack against zipfile", own * each, zipped * each, "ms")
    recent = Recent(2**30)
    loaded = best(lambda: recent.booster(pack, names[0]), times=1)
    record(
        "libraries: a booster held, cachetools, against loading it",
        best(lambda: recent.booster(pack, names[0])),
        loaded,
        "s",
    )


def store(folder: Path) -> None:
    """Read some features of a month of windows, a file a day: by ParquetFile, and by pyarrow.dataset."""
    names = tuple(f"f{i}" for i in range(FEATURES))
    schema, rng, found = (
        StoredSchema(fleet="bench", fingerprint="f" * 16, feature_names=names),
        np.random.default_rng(1),
        FeatureStore(folder),
    )
    asset = np.tile(np.arange(ASSETS, dtype=np.int32), 24)
    for day in range(DAYS):
        end_ms = day * DAY_MS + np.repeat(np.arange(1, 25), ASSETS) * 3_600_000
        values = rng.normal(size=(len(asset), FEATURES)).astype(np.float32)
        windows = Windows(
            tuple(map(str, range(ASSETS))), asset, end_ms, np.zeros(len(asset), np.int32), values
        )
        found.land(schema, [windows], Origin("bench", day, day))
    paths = [found.folder / file.path for file in found.window_files(schema.fingerprint)]
    columns = [*KEYS, *names[:WANTED]]
    first = ds.field("revision") == 0
    own = best(lambda: [pq.ParquetFile(path).read(columns=columns) for path in paths])
    daily = best(lambda: [ds.dataset(path).to_table(columns=columns, filter=first) for path in paths])
    record(
        "libraries: a month of windows read day by day, ParquetFile against pyarrow.dataset", own, daily, "s"
    )


def calibration() -> None:
    """Turn log-odds into probabilities: SciPy's expit, and the formula in NumPy."""
    given = np.random.default_rng(1).normal(-3, 2, ROWS)
    library = best(lambda: [expit(given) for _ in range(100)]) * 1e4
    formula = best(lambda: [1.0 / (1.0 + np.exp(-np.clip(given, -35, 35))) for _ in range(100)]) * 1e4
    record("libraries: 4,000 log-odds, SciPy's expit against NumPy", library, formula, "µs")


def main() -> None:
    """Measure all of them."""
    calibration()
    with tempfile.TemporaryDirectory() as folder:
        packs(Path(folder))
        store(Path(folder) / "store")


if __name__ == "__main__":
    main()
