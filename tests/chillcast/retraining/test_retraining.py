"""A retraining from what triggers it to its end, in a real registry and on a real broker."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from filelock import FileLock

from chillcast.models.modelling import Models
from chillcast.retraining.memory import Memory, Run, memory_of
from chillcast.retraining.retraining import Retraining
from chillcast.retraining.retraining_config import Limits, Policy, RetrainingConfig, Window
from chillcast.retraining.service import SERVICE
from models.errors import ConfigError
from models.registry.promotion import CHALLENGER, CHAMPION
from streams.access.roles import Person
from tests.support.drifted_homes import CONFIG, models_of, shadow
from tests.support.killed_retraining import looked

ANN = Person("ann", "data-scientist", "token")


@dataclass
class Desk:
    """Looks after the model of one home."""

    models: Models
    config: RetrainingConfig = CONFIG
    alarms: list[str] = field(default_factory=list)

    def look(self, asked: str = "") -> Memory:
        return Retraining(self.models, self.config, SERVICE, self.alarms.append).look(asked)

    def present(self) -> Run:
        found = self.look().present
        assert found is not None
        return found

    def roles(self) -> dict[str, str]:
        found = {role: self.models.promotions.newest(role) for role in (CHAMPION, CHALLENGER)}
        return {role: promotion.version for role, promotion in found.items() if promotion}

    def record(self) -> list[tuple[str, str]]:
        lines = self.models.resources.audit.read(at_most=1000)
        return [(line.action, line.result) for line in reversed(lines) if line.who == SERVICE.name]


@pytest.fixture
def desk(home: Path) -> Desk:
    return Desk(models_of(home))


@pytest.fixture
def online(home: Path, bootstrap: str, request: pytest.FixtureRequest) -> Desk:
    prefix = f"retraining-{abs(hash(request.node.name))}-"
    return Desk(models_of(home, broker=bootstrap, topic_prefix=prefix))


WHOLE = [
    ("trigger retraining", "drift"),
    ("name dataset", "done"),
    ("train model", "asked"),
    ("train model", "done"),
    ("register model", "done"),
    ("gate", "passed"),
    ("promote model", "asked"),
    ("promote model", "done"),
    ("judge shadow", "won"),
    ("promote model", "asked"),
    ("gate", "passed"),
    ("promote model", "done"),
    ("retraining", "promoted"),
]


def test_drift_that_stays_has_a_challenger_trained_judged_and_promoted(home: Path, online: Desk) -> None:
    waiting = online.present()
    assert (waiting.step, waiting.trigger, waiting.version) == ("shadowed", "drift", "2")
    assert waiting.why == "20 machines changed, and stayed so for 10 days"
    assert online.roles() == {CHAMPION: "1", CHALLENGER: "2"}
    shadow(online.models.settings, "1", "2")
    over = online.look()
    assert over.present is None
    assert (over.over[-1].result, online.roles()[CHAMPION]) == ("promoted", "2")
    assert online.record() == WHOLE
    assert "retraining 1: drift: 20 machines changed" in online.models.champion().reason
    assert not (memory_of(home, "toy").folder / "00001").exists()


@pytest.mark.timeout(900)
def test_killed_at_every_step_it_comes_to_the_same_end(home: Path, online: Desk) -> None:
    settings = online.models.settings

    def killed(when: str) -> str:
        wanted = 0 if when == "never" else -9
        assert looked(home, settings.broker, settings.topic_prefix, when) == wanted, when
        present = memory_of(home, "toy").read().present
        return present.step if present else ""

    ways = ["first", *["second"] * 4, "marking", "first", "never"]
    reached = ["", "triggered", "named", "trained", "registered", "passed", "passed", "shadowed"]
    assert [killed(when) for when in ways] == reached
    shadow(settings, "1", "2")
    assert [killed(when) for when in ("marking", "first", "never")] == ["won", "won", ""]
    over = memory_of(home, "toy").read()
    assert [(run.number, run.result, run.version) for run in over.over] == [(1, "promoted", "2")]
    assert online.roles() == {CHAMPION: "2", CHALLENGER: "2"}
    assert [v.version for v in online.models.versions()] == ["2", "1"]
    assert [(p.role, p.version) for p in online.models.promotions.all()] == [
        (CHAMPION, "1"),
        (CHALLENGER, "2"),
        (CHAMPION, "2"),
    ]
    assert online.models.strayed() == []
    assert set(WHOLE) <= {*online.record(), ("judge shadow", "won")}


def test_what_is_no_better_in_the_shadow_is_given_up_and_the_champion_stays(online: Desk) -> None:
    online.present()
    shadow(online.models.settings, "1", "2", better=False)
    over = online.look()
    assert (over.over[-1].result, online.roles()) == ("lost", {CHAMPION: "1", CHALLENGER: "1"})
    assert "retraining 1 of toy: lost: version 2: worse: log-loss" in online.alarms[-1]


def test_a_person_promotes_what_has_won_if_the_policy_says_so(online: Desk) -> None:
    online.config = replace(CONFIG, promotion=replace(CONFIG.promotion, by="person"))
    online.present()
    shadow(online.models.settings, "1", "2")
    assert online.present().step == "won"
    assert "version 2 of toy has won: chillcast models promote 2 --reason" in online.alarms[-1]
    assert online.present().step == "won"
    assert len(online.alarms) == 1
    online.models.promote("2", reason="it has won", by=ANN)
    over = online.look().over[-1]
    assert (over.result, over.text) == ("promoted", "version 2 was promoted by ann")


def test_without_a_trigger_nothing_is_done_and_soon_after_one_it_is_passed_over_once(desk: Desk) -> None:
    desk.config = replace(CONFIG, triggers=replace(CONFIG.triggers, drift_machines=30))
    assert desk.look() == Memory()
    desk.config = replace(CONFIG, data=Window(days=2, test_days=1))
    assert desk.look().over[-1].result == "failed"
    for _ in range(2):
        assert desk.look().passed_over == "retraining 1 began less than 20 days ago"
    assert desk.record()[-1] == ("trigger retraining", "skipped")
    assert desk.record().count(("trigger retraining", "skipped")) == 1
    assert desk.look("a new gateway").over[-1].why == "a new gateway"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (replace(CONFIG, data=Window(days=2, test_days=1)), "at step named: training ended with 1: "),
        (replace(CONFIG, limits=Limits(hours=1e-5)), "at step named: training took more than 1e-05 h"),
    ],
)
def test_a_training_that_fails_leaves_the_champion_and_an_alarm_with_its_reason(
    desk: Desk, config: RetrainingConfig, reason: str
) -> None:
    desk.config = config
    over = desk.look()
    assert (over.present, over.over[-1].result) == (None, "failed")
    assert f"retraining 1 of toy: failed: {reason}" in desk.alarms[-1]
    assert desk.record()[-1] == ("retraining", "failed")
    assert desk.roles() == {CHAMPION: "1"}


def test_what_the_gate_refuses_goes_no_further(desk: Desk) -> None:
    desk.config = replace(CONFIG, training={"rounds": 1, "features": ["s1.6h.mean"]})
    over = desk.look().over[-1]
    assert over.result == "refused"
    assert "version 2 does not pass the gate: " in desk.alarms[-1]
    assert desk.roles() == {CHAMPION: "1"}


def test_another_training_in_the_same_home_is_waited_for_and_what_is_asked_meanwhile_begins_nothing(
    desk: Desk,
) -> None:
    (desk.models.settings.home_path / "run").mkdir(exist_ok=True)
    with FileLock(desk.models.settings.home_path / "run" / "training.lock"):
        assert desk.present().step == "named"
        assert "retraining of toy waits: training has to wait: " in desk.alarms[-1]
        assert desk.look("a new gateway").present == desk.present()
    assert "retraining 1 of toy is under way: nothing begins for 'a new gateway'" in desk.alarms
    assert desk.present().step == "shadowed"


def test_a_fleet_is_looked_after_by_one_process_at_a_time(desk: Desk) -> None:
    (desk.models.settings.home_path / "run").mkdir(exist_ok=True)
    lock = FileLock(desk.models.settings.home_path / "run" / "retraining-toy.lock")
    with lock, pytest.raises(ConfigError, match="no other command uses for retraining-toy"):
        desk.look()


def test_who_is_overtaken_by_another_champion_stops(desk: Desk) -> None:
    assert desk.present().step == "shadowed"
    folder = desk.models.promoted_folder(desk.models.champion())
    version = desk.models.register(folder)
    desk.models.promote(version, reason="mine", by=ANN, override=True)
    assert desk.look().over[-1].text == f"version {version} became champion meanwhile"


def test_policy_waits_for_labels_enough(online: Desk) -> None:
    policy = Policy(by="automatic", windows=61, outcomes=10)
    online.config = replace(CONFIG, promotion=policy)
    online.present()
    shadow(online.models.settings, "1", "2")
    present = online.present()
    assert present.fares is not None
    assert (present.step, present.fares.windows, present.fares.verdict) == ("shadowed", 60, "better")
