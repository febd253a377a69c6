"""Made-up drives, in the layout of the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def drives(path: Path, assets: int = 400, days: int = 26, seed: int = 3) -> Path:
    """Write made-up drives, in the layout of the real ones: sectors pile up before most failures."""
    rng = np.random.default_rng(seed)
    fails = np.where(rng.random(assets) < 0.25, rng.integers(4, days, size=assets).astype(np.int64), -1)
    rows: list[dict[str, object]] = []
    for i in range(assets):
        pending = 0.0
        for d in range(days if fails[i] < 0 else fails[i] + 1):
            close = fails[i] >= 0 and fails[i] - d < 9 and i % 5
            pending += float(rng.poisson(30 if close else 0.02))
            rows.append(
                {
                    "date": f"2020-03-{d + 1:02d}",
                    "serial_number": f"DRIVE{i:05d}",
                    "model": f"M{i % 2}",
                    "capacity_bytes": 4_000_000_000_000,
                    "failure": int(d == fails[i]),
                    "smart_1_raw": float(rng.integers(0, 100_000_000)),
                    "smart_5_raw": float(rng.poisson(0.5)),
                    "smart_9_raw": float(9000 + 24 * d),
                    "smart_194_raw": float(rng.normal(27, 2)),
                    "smart_197_raw": pending,
                }
            )
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path
