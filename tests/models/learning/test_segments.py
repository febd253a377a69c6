from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ConfigError
from models.fleet.inventory import FLEET, Inventory
from models.fleet.training import Training
from models.learning.division import Division, Segments
from models.learning.fitting import Fitted, KnownHistory, fit
from models.learning.history import History
from models.learning.segments import crossed
from models.learning.task_pool import LocalPool
from models.registry.bundle import load_bundle, read_index
from models.registry.manifest import bundle_sha256
from models.risk.hazard import RiskModel
from models.risk.model_set import Segment, summary
from models.telemetry.samples import Event
from tests.support.divided_fleet import BY_MODEL, INVENTORY, PLATES, divided
from tests.support.rising_fleet import (
    ASSETS,
    EVENTS,
    TRIPS,
    UNTIL,
    fitted,
    fleet,
    ignore,
    plan,
    slices,
    written,
)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return divided(tmp_path_factory.mktemp("set"))


def test_a_segment_with_enough_has_a_model_and_scores_its_machines(learnt: Fitted) -> None:
    models = learnt.models
    assert sorted(models.index.members) == ["model:X", "model:Y"]
    assert models.scored_by(["a00", "a10", "a18"]) == ("model:X", "model:Y", FLEET)
    assert [s.why for s in models.index.segments] == ["", ""]
    assert models.index.unassigned == 2


def test_a_machine_that_only_the_inventory_knows_has_its_segments_model_and_a_stranger_the_fleets(
    learnt: Fitted,
) -> None:
    assert learnt.models.scored_by(["a77", "stranger"]) == ("model:X", FLEET)


def test_the_fleets_model_is_the_same_with_segments_as_without(learnt: Fitted) -> None:
    alone = fitted(slices(EVENTS), fleet())
    assert learnt.model.booster.model_to_string() == alone.model.booster.model_to_string()
    assert learnt.model.lines == alone.model.lines
    assert learnt.dataset_sha256 == alone.dataset_sha256


def test_a_segments_model_is_that_of_a_fleet_of_its_machines_alone(tmp_path: Path) -> None:
    """Nothing of other segments is in it, where it starts from nothing."""
    own = divided(tmp_path, replace(BY_MODEL, start="nothing")).models.model_for("a00")
    mine = {a for a, known in PLATES.items() if known["model"] == "X"}
    toy = fleet()
    settled = BY_MODEL.applied_to(toy.training)
    found = fitted(slices(EVENTS), replace(toy, training=settled), held_out=lambda name: name not in mine)
    assert own.booster.model_to_string() == found.model.booster.model_to_string()
    assert (own.offset, own.base) == (found.model.offset, None)


def test_a_segments_model_corrects_the_fleets_and_is_explained_with_it(learnt: Fitted) -> None:
    model = learnt.models.model_for("a00")
    assert (model.base, model.offset) == (learnt.model, 0.0)
    picked = np.full((3, len(model.columns)), [[18.0], [20.0], [30.0]], np.float32)
    own = replace(model, base=None)
    for j in (0, 1):
        added = own.log_hazard(picked, j) + learnt.model.log_hazard(picked, j)
        assert model.log_hazard(picked, j).tobytes() == added.tobytes()
    row = np.full((1, len(model.feature_names)), 30.0, np.float32)
    both = own.contributions(row, 1) + learnt.model.contributions(row, 1)
    np.testing.assert_allclose(model.contributions(row, 1), both)


def test_a_segment_that_differs_from_the_fleet_is_corrected(tmp_path: Path) -> None:
    """Sensor s0 says nothing on machines of model Y: the fleet's model believes it all the same."""
    rng, parts = np.random.default_rng(5), slices(EVENTS)
    for part in parts:
        rows = part.samples.asset >= 10
        part.samples.values[rows, 0] = rng.permutation(part.samples.values[rows, 0])
    models = fitted(parts, fleet(), division=Division(BY_MODEL, INVENTORY, tmp_path / "p")).models
    hot = np.full((1, len(models.fleet.feature_names)), 30.0, np.float32)
    one = np.zeros(1, np.int32)
    x, y, unknown = (float(models.uncalibrated((name,), one, hot)[0, 1]) for name in ("a00", "a10", "a19"))
    assert y < unknown < x


def test_what_a_correction_starts_from_has_not_seen_its_machine(learnt: Fitted) -> None:
    """The log-odds of a machine stay what they are whatever became of it."""
    toy, wanted = fleet(), plan()
    past = KnownHistory(wanted, History(toy, slices(EVENTS)), ignore)
    examples = past.examples(past.gather())
    asset, labels = examples.keys.asset == 3, examples.labels
    never = replace(labels, wait_ms=np.where(asset, np.iinfo(np.int64).max, labels.wait_ms))
    changed = replace(examples, labels=never)
    before, after = (crossed(e, toy.training, 7, (0, wanted.split_ms)) for e in (examples, changed))
    assert before[asset].tobytes() == after[asset].tobytes()
    assert before[~asset].tobytes() != after[~asset].tobytes()


def test_labelled_windows_and_outcomes_are_counted_by_segment(learnt: Fitted) -> None:
    split_d = int(0.75 * UNTIL)
    (x, _) = learnt.models.index.segments
    trips = [d for a in ASSETS[:10] for d in TRIPS[a] if d < split_d]
    assert x.machines == 10
    assert x.failures == len(trips)
    assert 10 * 4 * (split_d - 10) < x.instances < 10 * 4 * split_d


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"minimum_failures": 25}, r"\d\d failures: expected 25"),
        ({"minimum_instances": 9999}, r"\d{4} instances: expected 9999"),
    ],
)
def test_a_segment_without_enough_falls_back_and_says_why(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    models = divided(tmp_path, replace(BY_MODEL, **changes)).models
    assert set(models.scored_by(ASSETS)) <= {FLEET, "model:X"}
    y = models.index.segments[-1]
    assert y.name == "model:Y"
    assert why.replace(r"\d", "")[-5:] in y.why
    (level,) = summary(models.index).values()
    assert level["without"][-1].startswith("model:Y: ")
    assert level["machines_scored"] == sum(n == "model:X" for n in models.scored_by([*ASSETS, "a77"]))


def test_machines_fall_back_from_segment_to_group_to_fleet(tmp_path: Path) -> None:
    single = Segments(by="site", group="model", minimum_instances=100, minimum_failures=12, rounds=10)
    models = divided(tmp_path, single).models
    own = [s for s in models.index.segments if s.name.startswith("site:")]
    assert {bool(s.why) for s in own} == {True, False}
    weak = {s.name.removeprefix("site:") for s in own if s.why}
    for i, asset in enumerate(ASSETS[:18]):
        (found,) = models.scored_by([asset])
        level = "model" if f"s{i % 4}" in weak else "site"
        assert found == f"{level}:{PLATES[asset][level]}"
    assert models.scored_by(ASSETS[18:]) == (FLEET, FLEET)
    assert set(models.index.lines) == {"site", "model"}


def test_a_group_whose_segments_all_have_models_is_not_trained(tmp_path: Path) -> None:
    models = divided(tmp_path, replace(BY_MODEL, group="brand")).models
    assert models.index.members.keys() == {"model:X", "model:Y"}
    branded = Inventory({a: {**known, "brand": "B"} for a, known in PLATES.items()})
    found = divided(tmp_path, replace(BY_MODEL, group="brand"), inventory=branded).models
    assert found.index.members.keys() == {"model:X", "model:Y"}
    assert found.index.segments[-1] == Segment(
        name="brand:B",
        machines=18,
        instances=sum(s.instances for s in found.index.segments[:2]),
        failures=sum(s.failures for s in found.index.segments[:2]),
        why="every machine has a model of its own segment",
    )


def test_each_machine_can_be_a_segment(tmp_path: Path) -> None:
    alone = Segments(by="asset", group="model", minimum_instances=100, minimum_failures=5, rounds=10)
    models = divided(tmp_path, alone, inventory=Inventory(PLATES)).models
    assert {s.name for s in models.index.segments if s.name.startswith("asset:")} == {
        f"asset:{a}" for a in ASSETS
    }
    assert set(models.scored_by(ASSETS[:18])) == {"model:X", "model:Y"}  # nobody has five outcomes


def test_the_bundle_is_the_same_whatever_the_number_of_processes(learnt: Fitted, tmp_path: Path) -> None:
    again = written(divided(tmp_path, pool=LocalPool(2)), tmp_path / "two")
    assert again == written(learnt, tmp_path / "one")
    assert sorted(again) == ["booster.txt", "manifest.json", "segments.json", "segments.pack"]
    assert bundle_sha256(tmp_path / "one") == bundle_sha256(tmp_path / "two")


def test_a_loaded_set_scores_bit_for_bit_the_same_however_the_windows_are_cut(
    learnt: Fitted, tmp_path: Path
) -> None:
    written(learnt, tmp_path / "b")
    loaded = load_bundle(tmp_path / "b", learnt.model.fingerprint)
    assert read_index(tmp_path / "b") == learnt.models.index
    names, rng = ("a00", "stranger", "a10", "a01"), np.random.default_rng(3)
    asset = rng.integers(0, 4, 50).astype(np.int32)
    rows = rng.normal(20, 5, (50, len(learnt.model.feature_names))).astype(np.float32)
    whole = loaded.score(names, asset, rows)
    assert whole.tobytes() == learnt.models.score(names, asset, rows).tobytes()
    cut = [loaded.score(names, asset[i : i + 1], rows[i : i + 1]) for i in range(50)]
    assert np.concatenate(cut).tobytes() == whole.tobytes()
    strangers = asset == 1
    alone = loaded.fleet.score(rows[strangers])
    assert whole[strangers].tobytes() == alone.tobytes()
    assert not np.array_equal(whole[~strangers], loaded.fleet.score(rows[~strangers]))


def test_a_level_has_its_own_calibration_and_the_threshold_is_that_of_the_set(learnt: Fitted) -> None:
    assert set(learnt.models.index.lines) == {"model"}
    lines = learnt.models.model_for("a00").lines
    assert lines == learnt.models.model_for("a10").lines
    assert len(lines) == 2
    assert lines != learnt.model.lines
    assert 0 < learnt.model.threshold < 1


@pytest.mark.parametrize(
    ("segments", "reason"),
    [
        (Segments(by="colour"), r"segments\.by = 'colour': expected one of asset, model, site: what the inv"),
        (Segments(by="model", group="colour"), r"segments\.group = 'colour': expected one of asset, model"),
        (Segments(by="model", group="model"), r"segments\.group = 'model': expected another attribute"),
    ],
)
def test_an_attribute_that_nobody_knows_is_refused(segments: Segments, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        segments.check(INVENTORY, "training.toml")
    Segments(by="asset").check(Inventory(), "training.toml")


def test_parameters_of_segments_replace_the_fleets_one_by_one() -> None:
    given = Training(rounds=50, parameters={"num_leaves": 9, "eta": 0.1})
    found = Segments(by="model", parameters={"num_leaves": 4}).applied_to(given)
    assert found.rounds == 50
    assert found.parameters == {"num_leaves": 4, "eta": 0.1, "num_threads": 1}


def test_progress_counts_the_segments(tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []
    wanted = plan(division=Division(BY_MODEL, INVENTORY, tmp_path / "p"))
    fit(wanted, History(fleet(), slices(EVENTS)), lambda step, share: seen.append((step, share)))
    steps = list(dict.fromkeys(step for step, _ in seen))
    assert steps == ["features", "1 of 2 segments", "2 of 2 segments", "calibration"]
    shares = [share for _, share in seen]
    assert shares == sorted(shares)


def test_an_outcome_that_only_a_held_out_machine_had_teaches_no_segment(tmp_path: Path) -> None:
    def counted(events: list[Event]) -> tuple[Segment, ...]:
        division = Division(BY_MODEL, INVENTORY, tmp_path / "p")
        found = fitted(slices(events), fleet(), held_out=lambda name: name == "a03", division=division)
        return found.models.index.segments

    assert counted(EVENTS) == counted([e for e in EVENTS if e.asset != "a03"])


def test_members_are_models_like_any_other(learnt: Fitted) -> None:
    model = learnt.models.model_for("a00")
    assert isinstance(model, RiskModel)
    row = np.full((1, len(model.feature_names)), 20.0, np.float32)
    assert model.contributions(row, 1).shape == row.shape
    assert model.threshold == learnt.model.threshold
