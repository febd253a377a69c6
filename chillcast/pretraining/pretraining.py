"""Pre-training from beginning to end: simulated fleets, then one model over all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from chillcast.pretraining.distributed import grow_together
from chillcast.pretraining.part import About, PartRequest, make_part, read_part
from chillcast.pretraining.pretraining_config import PretrainingConfig
from chillcast.shipped import find_file
from chillcast.terminal.reporter import Reporter
from models.errors import UnavailableError
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet, load_fleet
from models.learning.task_pool import TaskPool
from models.registry.bundle import write_bundle
from models.risk.hazard import RiskModel
from models.risk.pool import check_outcomes, grow, offset_of


class Pretrained(msgspec.Struct, frozen=True, kw_only=True):
    """What a pre-training made, and of how much."""

    folder: str
    sha256: str
    fleets: int
    machine_years: float
    shutdowns: int
    rows: int
    trees: int


def pretrain(
    config: PretrainingConfig,
    source: str,
    work: Path,
    out: Path,
    reporter: Reporter,
    pool: TaskPool,
    *,
    distributed: bool = False,
) -> Pretrained:
    """Simulate every fleet of ``config``, learn from all, and write the model as a bundle to ``out``.

    What was simulated lies below ``work``, and is taken from there the next time. ``source`` names the file
    in errors. The same file and code give the same bundle, byte for byte, however often it was interrupted.
    ``distributed``: the trees are grown by all processes of the pool, each of which holds the rows of some
    fleets; then the bundle depends on how many they are, which its lineage says.
    """
    fleet = config.applied_to(load_fleet(find_file(config.fleet, "fleet")), source)
    requests = [PartRequest(one, fleet, config.stride_s, config.seed, work) for one in config.fleets]
    made = _parts(requests, reporter, pool)
    _check_seen(requests)
    parts = [(request.path, about) for request, about in zip(requests, made, strict=True)]
    pools = [read_part(*part) for part in parts]
    rows = sum(len(one.outcome) for one in pools)
    check_outcomes(pools)
    with reporter.step(f"learning from {rows} rows of {len(pools)} fleets"):
        if distributed:
            booster, processes = grow_together(parts, fleet.training, config.seed, pool)
        else:
            booster, processes = grow(pools, fleet.training, config.seed), 1
    schema = FeatureSchema(fleet)
    columns = schema.matching(fleet.training.features)
    model = RiskModel(booster, schema.names, schema.fingerprint, fleet.horizons_d, columns, offset_of(pools))
    figures, lineage = _figures(made), _lineage(config, fleet, made)
    if processes > 1:
        lineage["grown_by"] = f"{processes} processes"
    sha256 = write_bundle(out, model, None, fleet=fleet.name, metrics=figures, lineage=lineage)
    return Pretrained(
        folder=str(out),
        sha256=sha256,
        fleets=len(made),
        machine_years=round(figures["machine_years"], 1),
        shutdowns=int(figures["shutdowns"]),
        rows=rows,
        trees=booster.num_trees(),
    )


def _parts(requests: Sequence[PartRequest], reporter: Reporter, pool: TaskPool) -> list[About]:
    """Make the parts, several at a time, each in a process of its own, which gives its memory back."""
    with (
        reporter.step(f"simulating {len(requests)} fleets") as advance,
        pool.opened(fresh=True) as executor,
    ):
        found = []
        for request, about in zip(requests, executor.map(make_part, requests), strict=True):
            found.append(about)
            advance(len(found) / len(requests), request.one.name)
        return found


def _check_seen(requests: Sequence[PartRequest]) -> None:
    """Raise UnavailableError for a part that was made on another machine, and is not seen from here."""
    for request in requests:
        if not request.path.exists():
            raise UnavailableError(f"{request.path}: made on another machine, which has to share the folder")


def _figures(made: Sequence[About]) -> dict[str, float]:
    return {
        "machine_years": sum(about.machine_years for about in made),
        "shutdowns": float(sum(about.shutdowns for about in made)),
        "windows": float(sum(about.windows for about in made)),
    }


def _lineage(config: PretrainingConfig, fleet: Fleet, made: Sequence[About]) -> dict[str, str]:
    """Return what went into the model: what was simulated, what came of it, and how it was learnt from."""
    contents = "\n".join(about.sha256 for about in made)
    training = fleet.training
    learnt = {"rounds": training.rounds, "negatives_per_positive": training.negatives_per_positive}
    return {
        "source": "pre-trained on simulated fleets",
        "fleets": ", ".join(one.name for one in config.fleets),
        "config_sha256": hashlib.sha256(msgspec.json.encode(config, order="deterministic")).hexdigest(),
        "examples_sha256": hashlib.sha256(contents.encode()).hexdigest(),
        "training": msgspec.json.encode(
            {**learnt, "parameters": training.parameters}, order="deterministic"
        ).decode(),
        "seed": str(config.seed),
    }
