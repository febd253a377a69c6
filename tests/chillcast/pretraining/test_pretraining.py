"""Pre-training: simulated once, learnt in one go, the same bytes however often it was interrupted."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chillcast.cluster import pool_of
from chillcast.pretraining import distributed, part
from chillcast.pretraining.part import PartRequest, make_part, read_part
from chillcast.pretraining.pretraining import pretrain
from chillcast.pretraining.pretraining_config import PretrainingConfig, load_pretraining
from chillcast.skill.skill_config import SkillFleet, load_skill_config
from chillcast.terminal.reporter import Reporter
from models.errors import ConfigError, UnavailableError
from models.evaluation.metrics import log_loss
from models.fleet.fleet import Fleet, load_fleet
from models.learning.pretrained import load_pretrained
from models.learning.task_pool import HERE, LocalPool, TaskPool
from models.registry.manifest import read_manifest
from tests.support.dask_clusters import cluster_of

SHIPPED = Path("fleets/pretraining/chiller.toml")
SMALL = PretrainingConfig(
    fleet="chiller",
    fleets=tuple(SkillFleet(scenario="fouling-season", seed=seed, assets=8, days=60) for seed in (5, 6)),
    training={"rounds": 3, "negatives_per_positive": 2},
)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_an_interrupted_run_goes_on_and_ends_in_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pretrain(SMALL, "small", tmp_path / "a", tmp_path / "whole", Reporter(), HERE)
    fleet = SMALL.applied_to(load_fleet(Path("fleets/chiller.toml")), "small")
    requests = [PartRequest(one, fleet, SMALL.stride_s, SMALL.seed, tmp_path / "b") for one in SMALL.fleets]
    make_part(requests[0])
    (requests[1].path.with_suffix(".partial")).mkdir(parents=True)  # a kill while the second was written
    again = pretrain(SMALL, "small", tmp_path / "b", tmp_path / "again", Reporter(), HERE)
    assert files(tmp_path / "whole") == files(tmp_path / "again")
    assert whole.sha256 == again.sha256
    assert (whole.fleets, whole.trees) == (2, 3)
    assert whole.machine_years == pytest.approx(2 * 8 * 32 / 365, rel=0.1)
    monkeypatch.setattr(part, "survey", None)
    assert make_part(requests[0]).windows > 0  # nothing is simulated twice
    assert load_pretrained(tmp_path / "whole", fleet).model.booster.num_trees() == 3


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was simulated, once for all that learn from it."""
    folder = tmp_path_factory.mktemp("parts")
    fleet = SMALL.applied_to(load_fleet(Path("fleets/chiller.toml")), "small")
    for one in SMALL.fleets:
        make_part(PartRequest(one, fleet, SMALL.stride_s, SMALL.seed, folder))
    return folder


def test_trees_that_two_processes_grow_are_the_same_again_and_as_good_as_those_of_one(
    tmp_path: Path, parts: Path
) -> None:
    config = replace(SMALL, training={**SMALL.training, "rounds": 20})

    def made(name: str, pool: TaskPool, *, distributed: bool) -> Path:
        pretrain(config, "small", parts, tmp_path / name, Reporter(), pool, distributed=distributed)
        return tmp_path / name

    one = made("one", HERE, distributed=False)
    two, again = (made(name, LocalPool(2), distributed=True) for name in ("two", "again"))
    assert files(two) == files(again)
    assert read_manifest(two).lineage["grown_by"] == "2 processes"
    assert "127.0.0.1" not in "".join(path.read_text() for path in two.iterdir())
    fleet = config.applied_to(load_fleet(Path("fleets/chiller.toml")), "small")
    loss = [_loss(folder, parts, fleet) for folder in (one, two)]
    assert loss[1] == pytest.approx(loss[0], rel=0.05)
    assert loss[1] < 0.9 * _loss(None, parts, fleet)


def test_trees_that_a_cluster_grows_are_those_of_as_many_processes(tmp_path: Path, parts: Path) -> None:
    def made(name: str, pool: TaskPool) -> dict[str, bytes]:
        pretrain(SMALL, "small", parts, tmp_path / name, Reporter(), pool, distributed=True)
        return files(tmp_path / name)

    with cluster_of(2) as address, pool_of(None, address) as pool:
        assert made("there", pool) == made("here", LocalPool(2))


@pytest.mark.parametrize("on_a_cluster", [False, True])
def test_a_process_that_goes_away_while_trees_are_grown_ends_it_and_the_others(
    tmp_path: Path, parts: Path, monkeypatch: pytest.MonkeyPatch, on_a_cluster: bool
) -> None:
    monkeypatch.setattr(distributed, "_grow", _gone_if_first)
    with ExitStack() as stack:
        pool: TaskPool = LocalPool(2)
        if on_a_cluster:
            pool = stack.enter_context(pool_of(None, stack.enter_context(cluster_of(2))))
        with pytest.raises(UnavailableError, match=r"learning in processes on 127\.0\.0\.1, 127\.0\.0\.1: "):
            pretrain(SMALL, "small", parts, tmp_path / "x", Reporter(), pool, distributed=True)


def _gone_if_first(share: distributed.Share) -> None:
    if share.peers.machines[0].endswith(f":{share.peers.port}"):
        os._exit(1)
    time.sleep(1000)  # as LightGBM does, which waits for the other


def _loss(folder: Path | None, parts: Path, fleet: Fleet) -> float:
    """Return the log-loss of a bundle on what it learnt from, that of the base rate without one."""
    requests = [PartRequest(one, fleet, SMALL.stride_s, SMALL.seed, parts) for one in SMALL.fleets]
    pools = [read_part(request.path, make_part(request)) for request in requests]
    inputs, outcome = np.concatenate([p.inputs for p in pools]), np.concatenate([p.outcome for p in pools])
    if folder is None:
        found = log_loss(np.full(len(outcome), outcome.mean()), outcome)
    else:
        booster = load_pretrained(folder, fleet).model.booster
        found = log_loss(np.asarray(booster.predict(inputs)), outcome)
    assert found is not None
    return found


def test_a_part_of_another_scenario_is_made_anew(tmp_path: Path) -> None:
    fleet = SMALL.applied_to(load_fleet(Path("fleets/chiller.toml")), "small")
    one = PartRequest(SMALL.fleets[0], fleet, SMALL.stride_s, SMALL.seed, tmp_path)
    first = make_part(one)
    other = replace(one, one=replace(one.one, days=61))
    assert make_part(other).key != first.key
    assert len(read_part(one.path, first).outcome) > 0


def test_a_stride_that_meets_no_window_is_refused() -> None:
    config = replace(SMALL, stride_s=5000)
    with pytest.raises(ConfigError, match=r"small: stride_s = 5000: expected a multiple of sampling.hop_s"):
        config.applied_to(load_fleet(Path("fleets/chiller.toml")), "small")


def test_what_is_trained_on_is_never_judged_on() -> None:
    trained = {(f.scenario, f.seed) for f in load_pretraining(SHIPPED).fleets}
    skill = load_skill_config(Path("fleets/skill/portfolio.toml"))
    assert not trained.intersection((f.scenario, f.seed) for f in (*skill.develop, *skill.judge))
    assert None not in {seed for _, seed in trained}


def test_the_shipped_scenario_holds_1500_machine_years_or_more() -> None:
    loaded = [one.load() for one in load_pretraining(SHIPPED).fleets]
    assert sum(s.assets * s.days for s in loaded) / 365 > 1500
    assert len({c.name for s in loaded for c in s.climates}) >= 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('fleet = "chiller"\nfleets = []', "fleets"),
        ('fleet = "chiller"\n[training]\nrounds = "many"\n[[fleets]]\nscenario = "demo"', "training.rounds"),
        (
            'fleet = "chiller"\n[[fleets]]\nscenario = "demo"\n[[fleets]]\nscenario = "demo"',
            "a scenario and seed that no other fleet has",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_its_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_pretraining(path)
