"""Windows of two features, as they are landed in a feature store."""

from __future__ import annotations

import numpy as np

from models.features.kernel import Windows
from models.store.feature_store import StoredSchema

HOUR_MS = 3_600_000
SCHEMA = StoredSchema(fleet="toy", fingerprint="f" * 16, feature_names=("s0.1h.mean", "s1.1h.mean"))


def windows(ends_h: list[int], assets: tuple[str, ...] = ("a", "b"), revision: int = 0) -> Windows:
    """Return one window per end and asset, with a NaN among the values whose bits are not the usual."""
    asset = np.tile(np.arange(len(assets), dtype=np.int32), len(ends_h))
    end_ms = np.repeat(np.array(ends_h, np.int64) * HOUR_MS, len(assets))
    values = np.stack([end_ms / HOUR_MS + asset, asset * 0.1], axis=1).astype(np.float32)
    values[0, 1] = np.array([0x7FC00123], np.uint32).view(np.float32)[0]
    return Windows(assets, asset, end_ms, np.full(len(asset), revision, np.int32), values)
