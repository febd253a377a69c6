"""Training a model per segment: which have enough to learn from, and what the others fall back to."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import islice

import msgspec
import numpy as np

from models.fleet.training import Training
from models.learning.division import Division, Segments
from models.learning.folds import fold_of
from models.learning.task_pool import TaskPool
from models.learning.training_set import Examples
from models.risk.hazard import RiskModel, train
from models.risk.model_set import Index, ModelSet, Segment
from models.risk.pack import Pack, packed, write_pack
from models.telemetry.labels import HazardRows
from models.telemetry.samples import Float32, Float64, Int64

_BATCH, _AHEAD = 16, 3  # tasks that are handed over at once, and batches that are prepared for each at work
_SHARED = "every machine has a model of its own segment"


@dataclass(frozen=True)
class Task:
    """The labelled windows of one segment: ``features`` (n, C), at-risk rows into them, and the ``start``."""

    features: Float32
    rows: HazardRows
    start: Float64 | None
    training: Training
    seed: int

    def run(self) -> tuple[bytes, float]:
        """Fit the hazard; return its packed booster and its offset."""
        model = train(
            self.features,
            self.rows,
            names=(),
            columns=np.arange(self.features.shape[1]),
            fingerprint="",
            horizons_d=(),
            training=self.training,
            seed=self.seed,
            start=self.start,
        )
        return packed(model.booster), model.offset


def train_segments(
    division: Division,
    examples: Examples,
    fleet: RiskModel,
    *,
    training: Training,
    seed: int,
    span_ms: tuple[int, int],
    progress: Callable[[int, int], None],
) -> ModelSet:
    """Train a model for every segment of (from, until] that has enough, and pack them.

    ``progress`` is told how many of how many are done. The calibration of the levels is still to come.
    """
    start = crossed(examples, training, seed, span_ms) if division.segments.start == "fleet" else None
    labelled = _Labelled.from_examples(examples, examples.at_risk(*span_ms), start)
    found = _judged(division, labelled)
    chosen = [name for name, (segment, _) in found.items() if not segment.why]
    settled = division.segments.applied_to(training)
    tasks = (labelled.task(found[name][1], settled, seed) for name in chosen)
    done = zip(chosen, _run(tasks, division.pool), strict=True)
    pack = write_pack(division.pack, _reported(done, len(chosen), progress))
    segments = tuple(segment for segment, _ in found.values())
    return ModelSet(fleet, _index(division, examples.keys.assets, segments, pack), pack)


def _index(division: Division, assets: Sequence[str], segments: tuple[Segment, ...], pack: Pack) -> Index:
    """Return which machine is scored by which model of the pack."""
    machines = sorted({*assets, *division.inventory.machines})
    return Index(
        levels=division.segments.levels,
        members=dict(pack.entries),
        routes=_routes(division, machines, pack.entries),
        segments=segments,
        unassigned=sum(division.inventory.segment(m, division.segments.by) is None for m in machines),
        correct_fleet=division.segments.start == "fleet",
    )


@dataclass(frozen=True)
class _Labelled:
    """Examples with their at-risk rows, machine by machine: those of number ``i`` begin at ``first[i]``.

    ``instances`` and ``failures`` count the labelled windows and the outcomes of each machine.
    """

    examples: Examples
    rows: HazardRows
    start: Float64 | None
    first: Int64
    instances: Int64
    failures: Int64

    @classmethod
    def from_examples(cls, examples: Examples, rows: HazardRows, start: Float64 | None) -> _Labelled:
        keys, machines = examples.keys, len(examples.keys.assets)
        asset = keys.asset[rows.row]
        order = np.lexsort((rows.interval, rows.row, asset))
        rows = rows.take(order)
        windows = np.unique(rows.row)
        ended = np.unique(rows.row[rows.outcome])
        moments = np.stack([keys.asset[ended], keys.end_ms[ended] + examples.labels.wait_ms[ended]])
        return cls(
            examples,
            rows,
            start,
            np.searchsorted(asset[order], np.arange(machines + 1)),
            np.bincount(keys.asset[windows], minlength=machines),
            np.bincount(np.unique(moments, axis=1)[0], minlength=machines),
        )

    def task(self, machines: Sequence[int], training: Training, seed: int) -> Task:
        """Return what is to be learnt of some machines; its windows keep their order."""
        at = np.concatenate([np.arange(self.first[m], self.first[m + 1]) for m in machines])
        row = self.rows.row[at]
        windows, place = np.unique(row, return_inverse=True)
        rows = HazardRows(place, self.rows.interval[at], self.rows.outcome[at])
        start = None if self.start is None else self.start[windows]
        return Task(self.examples.features[windows], rows, start, training, seed)


def crossed(examples: Examples, training: Training, seed: int, span_ms: tuple[int, int]) -> Float64:
    """Return (n, H) log-odds of each window by a model of the fleet that has not seen its machine.

    Each half of the machines is scored by what was learnt on the other: of what its trees have seen a model
    is too sure, and would leave nothing to correct (Chernozhukov et al. 2018, cross-fitting).
    """
    rows = examples.at_risk(*span_ms)
    half = fold_of(examples.keys.assets, 2)[examples.keys.asset]
    out = np.empty((len(examples.features), len(examples.fleet.horizons_d)))
    for own in (0, 1):
        taught = np.flatnonzero(half[rows.row] != own)
        model = examples.fit(rows.take(taught), training, seed)
        mine = np.flatnonzero(half == own)
        picked = examples.features[mine]
        for j in range(out.shape[1]):
            out[mine, j] = model.log_hazard(picked, j)
    return out


def _judged(division: Division, labelled: _Labelled) -> dict[str, tuple[Segment, list[int]]]:
    """Return every segment by name, the finest level first, with its verdict and its machines."""
    own: set[int] = set()
    found = {}
    for level in division.segments.levels:
        members: defaultdict[str, list[int]] = defaultdict(list)
        for code, asset in enumerate(labelled.examples.keys.assets):
            name = division.inventory.segment(asset, level)
            if name is not None:
                members[name].append(code)
        for name in sorted(members):
            segment = _verdict(name, members[name], labelled, division.segments)
            if not segment.why and own.issuperset(members[name]):
                segment = msgspec.structs.replace(segment, why=_SHARED)
            found[name] = segment, members[name]
        own |= {code for name in members if not found[name][0].why for code in members[name]}
    return found


def _verdict(name: str, machines: list[int], labelled: _Labelled, segments: Segments) -> Segment:
    instances, failures = int(labelled.instances[machines].sum()), int(labelled.failures[machines].sum())
    why = ""
    if failures < segments.minimum_failures:
        why = f"{failures} failures: expected {segments.minimum_failures}"
    if instances < segments.minimum_instances:
        why = f"{instances} instances: expected {segments.minimum_instances}"
    return Segment(name=name, machines=len(machines), instances=instances, failures=failures, why=why)


def _routes(division: Division, machines: Sequence[str], members: Mapping[str, object]) -> dict[str, str]:
    """Return who scores each machine that has a member on any level."""
    routes = {}
    for machine in machines:
        names = (division.inventory.segment(machine, level) for level in division.segments.levels)
        found = next((name for name in names if name in members), None)
        if found is not None:
            routes[machine] = found
    return routes


def _reported(
    done: Iterator[tuple[str, tuple[bytes, float]]], total: int, progress: Callable[[int, int], None]
) -> Iterator[tuple[str, bytes, float]]:
    for number, (name, (data, offset)) in enumerate(done, 1):
        yield name, data, offset
        progress(number, total)


def _run(tasks: Iterator[Task], pool: TaskPool) -> Iterator[tuple[bytes, float]]:
    """Yield what becomes of the tasks, in their order; a few are prepared ahead of the pool."""
    with pool.opened() as executor:
        waiting: deque[Future[list[tuple[bytes, float]]]] = deque()
        while batch := list(islice(tasks, _BATCH)):
            waiting.append(executor.submit(_run_all, batch))
            if len(waiting) >= _AHEAD * pool.width:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _run_all(tasks: Sequence[Task]) -> list[tuple[bytes, float]]:
    return [task.run() for task in tasks]


def with_lines(models: ModelSet, lines: Mapping[str, Sequence[tuple[float, float]]]) -> ModelSet:
    """Return the set with the calibration of its levels."""
    kept = {level: tuple(found) for level, found in lines.items()}
    return replace(models, index=msgspec.structs.replace(models.index, lines=kept))
