"""What the gate is shown of two versions: their figures by event on one and the same later slice."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from models.alerting.cases import RiskSeries
from models.alerting.said import said
from models.errors import ModelError
from models.evaluation.backtest import Backtest, BacktestResult, figures
from models.event_time import DAY_MS
from models.features.evidence import Evidence as WindowEvidence
from models.fleet.fleet import Fleet
from models.learning.history import KeptWindows
from models.registry.bundle import load_bundle
from models.registry.gate import Evidence
from models.registry.manifest import PACK, Manifest, read_manifest
from models.risk.model_set import ModelSet
from models.store.dataset import Catalogue, Dataset, StoredHistory, inventory_of
from models.store.feature_store import FeatureStore, StoredFile
from models.telemetry.event_log import EventLog

_TIMED_ROWS = 1000
_MODEL, _RULES = "model_", "rules_"


@dataclass(frozen=True, slots=True)
class Entrant:
    """A version: what its bundle says, and its models, read from ``folder`` as they are needed."""

    version: str
    folder: Path
    manifest: Manifest
    models: ModelSet

    @classmethod
    def load(cls, version: str, folder: Path) -> Entrant:
        """Load a version's bundle; ModelError if it is of no use."""
        manifest = read_manifest(folder)
        return cls(version, folder, manifest, load_bundle(folder, manifest.fingerprint))

    @property
    def slice(self) -> str:
        """Which days it was judged on when it was trained, empty if it was not."""
        return self.manifest.lineage.get("slice", "")

    def evidence(self) -> Evidence:
        """Return what the gate looks at; scoring is timed here and now, so that two are timed alike."""
        return Evidence(
            version=self.version,
            slice=self.slice,
            metrics=_named(_MODEL, self.manifest.metrics),
            rules=_named(_RULES, self.manifest.metrics),
            latency_ms=_latency_ms(self.models),
            # Of a pack a worker holds no more than it has room for.
            nbytes=sum(path.stat().st_size for path in self.folder.iterdir() if path.name != PACK),
        )


def on_one_slice(
    store: FeatureStore, fleet: Fleet, newcomer: Entrant, champion: Entrant
) -> tuple[Evidence, Evidence]:
    """Return the evidence of both, on the slice that the newcomer was judged on when it was trained.

    Where the champion was judged on another, both are judged again, alike. Raises ModelError if that
    cannot be, with the reason.
    """
    new, old = newcomer.evidence(), champion.evidence()
    if new.slice == old.slice and new.slice:
        return new, old
    mine, its = judge_again(store, fleet, newcomer, (newcomer, champion))
    return _with(new, new.slice, mine), _with(old, new.slice, its)


def judge_again(
    store: FeatureStore, fleet: Fleet, judged: Entrant, entrants: Sequence[Entrant]
) -> list[BacktestResult]:
    """Judge versions, each with its own threshold, on the slice that one of them was ``judged`` on.

    Raises ModelError if the slice is not known or gone, or if a version has other features or horizons.
    """
    if not judged.slice:
        raise ModelError(f"version {judged.version} does not say on which days it was judged")
    span_ms = days_of(judged.slice)
    dataset = Catalogue(store).find(judged.manifest.lineage.get("dataset", ""))
    for entrant in entrants:
        _check(entrant, dataset.fingerprint, fleet)
    by = judged.manifest.lineage.get("segments_by", "model")
    history = _later(store, fleet, dataset, span_ms[0], entrants)
    evidence = [WindowEvidence.from_gains(history.schema, e.models.fleet.gains()) for e in entrants]
    kept = KeptWindows()
    for part in history.until(span_ms[1]):
        scores = [e.models.score(part.assets, part.asset, part.values)[:, fleet.horizon] for e in entrants]
        told = [said(fleet.alerting, s, e.of(part.values)) for s, e in zip(scores, evidence, strict=True)]
        kept.add(history.keys(part), np.stack(told, axis=1))
    backtest = Backtest(
        fleet.alerting,
        EventLog(history.all_events),
        earlier_ms=(span_ms[0], span_ms[0]),
        later_ms=span_ms,
        segment_of=inventory_of(store, dataset).segments_by(by),
    )
    keys, risk = kept.table()
    series = [RiskSeries(*keys.columns, risk[:, i]) for i in range(len(entrants))]
    return [_judged(backtest, *both) for both in zip(entrants, series, strict=True)]


def days_of(slice_: str) -> tuple[int, int]:
    """Return the span [from, until), in ms, of the days that the ``slice`` of a lineage names.

    >>> days_of("0123456789ab 1970-01-02..1970-01-04")
    (86400000, 259200000)
    """
    first, _, last = slice_.partition(" ")[2].partition("..")
    try:
        return _ms(first), _ms(last)
    except ValueError as error:
        raise ModelError(f"slice {slice_!r}: expected a dataset and two dates") from error


def _ms(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


def _later(
    store: FeatureStore, fleet: Fleet, dataset: Dataset, from_ms: int, entrants: Sequence[Entrant]
) -> StoredHistory:
    """Return the windows from ``from_ms`` on, with all features that any of the versions looks at."""
    files = tuple(path for path in dataset.windows if StoredFile.at(path).day_ms + DAY_MS >= from_ms)
    used = {e.manifest.feature_names[i] for e in entrants for i in e.models.fleet.columns}
    return StoredHistory(store, msgspec.structs.replace(dataset, windows=files), fleet, sorted(used))


def _judged(backtest: Backtest, entrant: Entrant, series: RiskSeries) -> BacktestResult:
    text, threshold = f"version {entrant.version}", entrant.manifest.threshold
    return backtest.judge("model", text, series, is_probability=True, threshold=threshold)


def _with(evidence: Evidence, slice_: str, judged: BacktestResult) -> Evidence:
    return msgspec.structs.replace(evidence, slice=slice_, metrics=_named(_MODEL, figures([judged])))


def _named(prefix: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the figures by event of one way of scoring, which training calls ``model_…`` or ``rules_…``."""
    return {n.removeprefix(prefix): value for n, value in metrics.items() if n.startswith(prefix)}


def _check(entrant: Entrant, fingerprint: str, fleet: Fleet) -> None:
    found = entrant.manifest
    if found.fingerprint != fingerprint:
        raise ModelError(
            f"version {entrant.version} has features {found.fingerprint}, the slice {fingerprint}"
        )
    if found.horizons_d != fleet.horizons_d:
        horizons = f"{list(found.horizons_d)}, the fleet {list(fleet.horizons_d)}"
        raise ModelError(f"version {entrant.version} has horizons_d {horizons}")


def _latency_ms(models: ModelSet, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the shortest of three times to score a thousand windows, each of another machine."""
    rows = np.zeros((_TIMED_ROWS, len(models.fleet.feature_names)), np.float32)
    machines = [*models.index.routes, *map(str, range(_TIMED_ROWS))][:_TIMED_ROWS]
    asset = np.arange(_TIMED_ROWS, dtype=np.int32)
    took = []
    for _ in range(3):
        started = clock()
        models.score(machines, asset, rows)
        took.append(clock() - started)
    return 1000 * min(took)
