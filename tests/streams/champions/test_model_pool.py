"""The bench takes what passes every check, and keeps the last good one where something does not."""

from __future__ import annotations

import gc
import re
import shutil
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError
from models.registry.manifest import bundle_sha256
from models.registry.promotion import CHAMPION
from streams.champions.model_pool import PromotedModels
from streams.records import Assignment
from tests.support.model_pools import divided
from tests.support.promoted_bundles import Home, ready
from tests.support.toy_model import Trained, fleet, trained


@pytest.fixture(scope="module")
def toy() -> Trained:
    return trained(fleet())


def test_a_promoted_version_that_passes_is_ready(home: Home) -> None:
    pool = home.pool()
    assert ready(pool) == "1"
    home.write("2", replace(home.toy.model, threshold=0.25))
    pool.consider(home.promote("2"))
    assert ready(pool) == "2"
    assert home.alarms == []


def test_a_version_is_let_go_once_nobody_scores_with_it_and_loaded_again_by_its_hash(home: Home) -> None:
    pool = home.pool()
    first = pool.ready(CHAMPION)
    assert first is not None
    assignment = first.begins(CHAMPION, 0)
    held = pool.candidate(assignment)  # as an open partition does
    for version in ("2", "3"):
        home.write(version, replace(home.toy.model, threshold=0.25))
        pool.consider(home.promote(version))
    assert held is not None
    assert pool.candidate(assignment) is held
    seen = weakref.ref(held.models)
    del first, held
    gc.collect()
    assert seen() is None
    again = pool.candidate(assignment)
    assert again is not None
    assert (again.version, home.alarms) == ("1", [])


def test_who_is_ready_is_in_memory_once(home: Home) -> None:
    pool = home.pool()
    found = pool.ready(CHAMPION)
    assert found is not None
    scoring = pool.candidate(found.begins(CHAMPION, 0))
    assert scoring is not None
    assert scoring.models is found.models


def unvouched(folder: Path) -> None:
    (folder / "booster.txt").write_bytes(b"tree\n")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (unvouched, r"booster\.txt: sha256"),
        (shutil.rmtree, "manifest.json: No such file"),
        (lambda f: (f / "manifest.json").write_bytes(b"{"), "sha256 .* was promoted"),
    ],
)
def test_a_bad_bundle_leaves_the_last_good_one_in_place_and_is_one_alarm(
    home: Home, spoil: Callable[[Path], None], reason: str
) -> None:
    pool = home.pool()
    folder = home.write("2", home.toy.model)
    promotion = home.promote("2")
    spoil(folder)
    pool.consider(promotion)
    pool.consider(promotion)
    assert ready(pool) == "1"
    (alarm,) = home.alarms
    assert alarm.startswith("champion 2 was promoted and is refused: ")
    assert alarm.endswith("; version 1 stays")
    assert re.search(reason, alarm)


def test_a_bundle_that_comes_later_than_its_promotion_is_taken_at_the_next_try(home: Home) -> None:
    pool = home.pool()
    folder = home.write("2", home.toy.model)
    promotion, away = home.promote("2"), folder.with_name("elsewhere")
    folder.rename(away)
    pool.consider(promotion)
    away.rename(folder)
    pool.consider(promotion)
    assert ready(pool) == "1"
    home.now_s += 61.0
    pool.consider(promotion)
    assert ready(pool) == "2"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"fingerprint": "0" * 16}, "fingerprint 0+: this fleet has"), ({"horizons_d": (1.0, 3.0)}, "horizons")],
)
def test_a_model_of_other_features_or_horizons_is_refused(
    home: Home, changes: dict[str, object], reason: str
) -> None:
    pool = home.pool()
    home.write("2", replace(home.toy.model, **changes))  # type: ignore[arg-type]
    pool.consider(home.promote("2"))
    assert ready(pool) == "1"
    assert re.search(reason, home.alarms[0])


def test_a_worker_that_starts_on_a_bad_champion_takes_the_one_before_it(home: Home) -> None:
    home.write("2", home.toy.model)
    home.promote("2")
    unvouched(home.folder / "2")
    pool = home.pool()
    assert ready(pool) == "1"
    assert "champion 2 was promoted and is refused" in home.alarms[0]


def test_where_no_champion_passes_the_worker_does_not_start(home: Home) -> None:
    unvouched(home.folder / "1")
    with pytest.raises(ModelError, match="none of the versions that were promoted can score"):
        home.pool()


def test_a_version_that_scored_before_is_given_and_where_it_is_lost_the_present_one(home: Home) -> None:
    home.write("2", replace(home.toy.model, threshold=0.25))
    second = home.promote("2")
    pool = home.pool()
    earlier = Assignment(role=CHAMPION, version="1", sha256=bundle_sha256(home.folder / "1"), offset=3)
    found = pool.candidate(earlier)
    assert found is not None
    assert found.version == "1"
    lost = pool.candidate(Assignment(role=CHAMPION, version="0", sha256="0", offset=1))
    assert lost is not None
    assert lost.is_of(second)
    assert "champion 0, which scored before, is of no use" in home.alarms[0]


def test_a_set_follows_a_single_model_and_its_members_share_the_memory_of_the_worker(
    home: Home, toy: Trained
) -> None:
    pool = PromotedModels(home.promotions, toy.fleet, raise_alarm=home.alarms.append, memory_bytes=1)
    for version, offset in (("2", 0.0), ("3", 0.5)):
        member = replace(toy.model, offset=offset)
        home.write(version, divided(toy.model, member, home.folder / "run" / version))
        pool.consider(home.promote(version))
        found = pool.ready(CHAMPION)
        assert found is not None
        assert found.version == version
        row = toy.vector()[None, :]
        risk = found.models.score(("a",), np.zeros(1, np.int32), row)
        assert risk.tobytes() == member.score(row).tobytes()
        assert len(pool.recent) == 1
    assert home.alarms == []


def test_a_set_with_a_corrupt_pack_leaves_the_last_good_one_in_place(home: Home, toy: Trained) -> None:
    pool = home.pool()
    folder = home.write("2", divided(toy.model, toy.model, home.folder / "run" / "2"))
    promotion = home.promote("2")
    data = (folder / "segments.pack").read_bytes()
    (folder / "segments.pack").write_bytes(data[:-1] + b"!")
    pool.consider(promotion)
    assert ready(pool) == "1"
    assert re.search(r"champion 2 was promoted and is refused: .*segments\.pack: sha256", home.alarms[0])
