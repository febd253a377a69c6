"""What is learnt from one simulated fleet: its thinned rows on disk, made once, mapped when they are read."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np

from chillcast.skill.contenders import examples_of
from chillcast.skill.skill_config import SkillFleet
from chillcast.skill.survey import Survey, survey
from chillcast.training.training import code_digest
from models.event_time import YEAR_MS
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.risk.pool import Pool, pooled

_ABOUT, _INPUTS, _OUTCOME = "part.json", "inputs.npy", "outcome.npy"


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a part says of itself: ``key`` tells all that it was made of, ``sha256`` its content."""

    key: str
    sha256: str
    offset: float
    machine_years: float
    shutdowns: int
    windows: int


@dataclass(frozen=True, slots=True)
class PartRequest:
    """One simulated fleet to make a part of, in a folder of its own below ``folder``."""

    one: SkillFleet
    fleet: Fleet
    stride_s: int
    seed: int
    folder: Path

    @property
    def path(self) -> Path:
        """Where the part lies."""
        return self.folder / self.one.name

    @property
    def key(self) -> str:
        """SHA-256 of scenario, features, labels, thinning and code: of another one the part is made anew."""
        training, fleet = self.fleet.training, self.fleet
        made_of = (
            asdict(self.one.load()),
            FeatureSchema(fleet).fingerprint,
            fleet.horizons_d,
            (training.features, training.censor, training.downtime_s, training.negatives_per_positive),
            (self.stride_s, self.seed, code_digest(("simulators", "models"))),
        )
        return hashlib.sha256(msgspec.json.encode(made_of, order="deterministic")).hexdigest()


def make_part(request: PartRequest) -> About:
    """Simulate a fleet and keep the rows to learn from, if that was not done before. It appears whole."""
    found = _made(request)
    if found is not None:
        return found
    fleet, training = request.fleet, request.fleet.training
    seen = survey(request.one.name, request.one.load(), fleet, request.stride_s, _silent)
    examples = examples_of(fleet, seen)
    rows = examples.at_risk(seen.span_ms[0] - 1, seen.span_ms[1])
    pool = pooled(examples.features, rows, training.negatives_per_positive, request.seed)
    return _write(request, pool, _about(request, pool, seen))


def _made(request: PartRequest) -> About | None:
    """Return what an earlier run made of the same; None if it did not."""
    path = request.path / _ABOUT
    if not path.exists():
        return None
    found = msgspec.json.decode(path.read_bytes(), type=About)
    return found if found.key == request.key else None


def _about(request: PartRequest, pool: Pool, seen: Survey) -> About:
    first_ms, last_ms = seen.span_ms
    return About(
        key=request.key,
        sha256=hashlib.sha256(pool.inputs.tobytes() + pool.outcome.tobytes()).hexdigest(),
        offset=pool.offset,
        machine_years=len(seen.keys.assets) * (last_ms - first_ms) / YEAR_MS,
        shutdowns=len(seen.log.outcomes),
        windows=len(seen.keys),
    )


def _write(request: PartRequest, pool: Pool, about: About) -> About:
    partial = request.path.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    np.save(partial / _INPUTS, pool.inputs)
    np.save(partial / _OUTCOME, pool.outcome)
    (partial / _ABOUT).write_bytes(msgspec.json.encode(about))
    shutil.rmtree(request.path, ignore_errors=True)
    partial.replace(request.path)
    return about


def read_part(path: Path, about: About) -> Pool:
    """Return the rows of a part, its inputs mapped from disk."""
    return Pool(np.load(path / _INPUTS, mmap_mode="r"), np.load(path / _OUTCOME), about.offset)


def _silent(share: float, text: str) -> None:
    """Show no progress: several fleets are made at a time."""
