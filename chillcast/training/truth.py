"""What a simulator knows and no feature may hold: which shutdowns could be foreseen. For evaluation alone."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models.store.feature_store import FeatureStore
from simulators.truth import ShutdownRecord

_FOLDER = "truth"


def keep_truth(store: FeatureStore, name: str, shutdowns: Sequence[ShutdownRecord]) -> None:
    """Keep what really happened beside the store, where only an evaluation looks."""
    folder = store.folder / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_bytes(msgspec.json.encode(shutdowns))


def read_truth(store: FeatureStore) -> list[ShutdownRecord]:
    """Return what is known of the simulated shutdowns of a store, nothing of a real fleet."""
    found: list[ShutdownRecord] = []
    for path in sorted((store.folder / _FOLDER).glob("*.json")):
        found += msgspec.json.decode(path.read_bytes(), type=list[ShutdownRecord])
    return found


def ceiling_of(shutdowns: Sequence[ShutdownRecord], span_ms: tuple[int, int]) -> float | None:
    """Return the share of the shutdowns in (from, until] that could be foreseen; None if none is known."""
    judged = [s for s in shutdowns if span_ms[0] < s.time_ms <= span_ms[1]]
    return sum(s.has_precursor for s in judged) / len(judged) if judged else None
