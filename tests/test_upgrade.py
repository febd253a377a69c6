"""Today's code starts on what an earlier version left: it goes on, or says what to do."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from models.errors import ModelError, StateError, UnavailableError
from models.registry.bundle import load_bundle
from models.registry.manifest import champion
from models.registry.promotion import Promotions
from models.store.dataset import Catalogue, StoredHistory, verify
from models.store.feature_store import FeatureStore
from streams.access.api_tokens import ApiTokens
from streams.access.audit import Audit
from streams.access.database import Database
from streams.access.last_seen import LastSeen
from streams.access.roles import ROLES
from streams.access.sessions import Sessions
from streams.access.users import Users
from streams.champions.feature_pool import Features
from streams.stage import Remembering, Stage
from streams.stages.case_desk import CaseDesk
from streams.stages.feature_versions import FeatureVersions
from streams.stages.sink import SinkStage
from streams.stores.case_reader import history_of, present_cases
from streams.stores.sqlite import SqliteStore
from streams.stores.sqlite_reader import SqliteReader
from streams.wire import codec
from tests.support.case_life import CONTINUES_D
from tests.support.changing_features import HeldFeatures
from tests.support.earlier import RECORDED, Left, from_the_start, taken_up
from tests.support.feature_telemetry import TOPICS as FEATURE_TOPICS
from tests.support.people import BY, QUICK, Hand, password_of
from tests.support.restorable_delivery import Delivering
from tests.support.restorable_steps import HYSTERESIS, crowded, machines, versions
from tests.support.restorables import Scoring, Succession
from tests.support.risk_messages import TOPICS

DOCS = Path(__file__).parents[1] / "docs" / "upgrade.md"
SUNK = (TOPICS.scores, TOPICS.alerts, TOPICS.cases, TOPICS.drift, TOPICS.deliveries)


def risk() -> Stage:
    return cast(Scoring, Succession(HYSTERESIS).born()).stage


def features() -> Stage:
    return FeatureVersions(HeldFeatures({"1": Features(crowded(), version="1")}), FEATURE_TOPICS, 1, 0)


STAGES: dict[str, Callable[[], Stage]] = {
    "features": features,
    "risk": risk,
    "cases": lambda: CaseDesk(TOPICS, 1, CONTINUES_D),
    "delivery": lambda: Delivering().stage,
}


@pytest.fixture(params=RECORDED, ids=lambda path: path.name.partition(".")[0])
def left(request: pytest.FixtureRequest, tmp_path: Path) -> Left:
    return Left.unpacked(request.param, tmp_path / "home")


def identity_of(make_stage: Callable[[], Stage]) -> str:
    return cast(Remembering, make_stage()).identity


def test_an_earlier_version_is_recorded_and_small() -> None:
    assert RECORDED
    assert all(path.stat().st_size < 300_000 for path in RECORDED)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_goes_on_from_earlier_state_as_if_it_had_seen_all_itself(left: Left, name: str) -> None:
    life, make_stage = left.life(name), STAGES[name]
    said = taken_up(life, make_stage)
    assert said == from_the_start(life, make_stage)
    assert len(said) > 5


@pytest.mark.parametrize("name", STAGES)
def test_if_the_log_is_cut_it_goes_on_from_state_of_its_form_and_refuses_any_other(
    left: Left, name: str
) -> None:
    life, make_stage = left.life(name), STAGES[name]
    if life.identity == identity_of(make_stage):
        assert taken_up(life, make_stage, first=life.saved) == from_the_start(life, make_stage)
        return
    with pytest.raises(StateError, match=re.escape(f"written as 'v2 {life.identity}'")) as refused:
        taken_up(life, make_stage, first=life.saved)
    assert "CHILLCAST_STATE_LOSS=accept" in str(refused.value)
    assert "docs/upgrade.md" in str(refused.value)


def test_the_forms_of_state_that_docs_name_are_those_of_today() -> None:
    for name, make_stage in STAGES.items():
        number = re.match(rf"{name} ([\d.]+)", identity_of(make_stage))
        assert number
        assert f"| {name} | {number[1]} |" in DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", STAGES)
def test_what_an_earlier_version_wrote_to_topics_is_understood(left: Left, name: str) -> None:
    life = left.life(name)
    new = [o for o in STAGES[name]().process(life.arrived()) if o.content_type == codec.DEAD_LETTER]
    assert len(new) == sum(kind == codec.DEAD_LETTER for *_, kind in life.outputs)


def sunk(store: SqliteStore, left: Left) -> Sequence[Any]:
    """Let today's sink write what the earlier stages said; return what it refuses."""
    stage = SinkStage(store, TOPICS)
    said = [m for name in STAGES for m in left.life(name).said() if m.topic in SUNK]
    return [*stage.process(said), *asyncio.run(stage.flush())]


def rows_of(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT * FROM points ORDER BY measurement, series, time_ms").fetchall()


def test_an_earlier_store_is_read_and_its_topics_read_again_make_it_todays(
    left: Left, tmp_path: Path
) -> None:
    earlier, fresh = left.home / "store.db", tmp_path / "fresh.db"
    reader = SqliteReader(earlier)
    cases = present_cases(reader)
    assert cases
    assert all(history_of(reader, case) for case in cases)
    assert len(reader.latest("scores")) > 3
    reader.close()
    for path in (earlier, fresh):
        store = SqliteStore(path)
        assert store.check(20.0)
        assert not sunk(store, left)
        store.close()
    assert rows_of(earlier) == rows_of(fresh)


def audit_of(folder: Path) -> Audit:
    return Audit(Database(folder / "access.db"), Hand())


def test_people_tokens_sessions_and_the_record_are_what_they_were(left: Left) -> None:
    audit = audit_of(left.home)
    users, tokens = Users(audit, QUICK), ApiTokens(audit)
    sessions = Sessions(audit, users)
    assert {user.name: user.role for user in users.every()} == {role: role for role in ROLES}
    assert users.check("lead", password_of("lead")) == "lead"
    token, viewer = tokens.person(left.secrets.token), sessions.person(left.secrets.session)
    assert token is not None
    assert viewer is not None
    assert (token.name, viewer.name) == ("program", "viewer")
    assert LastSeen(audit.database, Hand()).before("viewer", ["a-1"]) == {}
    known = audit.read()
    assert len(known) > len(ROLES)
    users.add("ann", "lead", password_of("ann"), BY)
    sessions.end(left.secrets.session, viewer)
    assert audit.broken() == 0
    assert audit.read()[-len(known) :] == known


def test_people_of_a_later_version_are_refused_with_what_to_do(left: Left) -> None:
    users = Users(audit_of(left.home), QUICK)
    with closing(sqlite3.connect(left.home / "access.db")) as database:
        database.execute("PRAGMA user_version = 1000")
    refused = "form 1000, this version knows .*: start the version that wrote it"
    with pytest.raises(UnavailableError, match=refused):
        users.every()
    with pytest.raises(UnavailableError, match=refused):
        users.add("ann", "lead", password_of("ann"), BY)


def test_a_promoted_bundle_scores_as_it_did_and_its_promotions_are_known(left: Left) -> None:
    folder = left.home / "bundles" / "toy"
    toy, (version, bundle) = machines(), champion(folder)
    assert version == "2"
    assert [one.version for one in Promotions(folder).all()] == ["1", "2"]
    hot = np.stack([toy.vector(), toy.vector(s0=2.5)])
    found = load_bundle(bundle, toy.schema.fingerprint, smoke=False).fleet
    assert np.array_equal(found.score(hot), versions()["2"].score(hot))
    with pytest.raises(ModelError, match=r"trained on other features: .* or backfill and train again"):
        load_bundle(bundle, "0" * 16)


def test_what_has_landed_is_learnt_from_or_refused_with_what_to_do(left: Left) -> None:
    store, fleet = FeatureStore(left.home / "features" / "toy"), crowded()
    (dataset,) = Catalogue(store).all()
    verify(store, dataset)
    history = StoredHistory(store, dataset, fleet)
    windows = sum(len(part) for part in history.until(dataset.until_ms))
    assert windows > 50
    assert store.read_inventory(dataset.inventory).machines["a1"]["site"] == "north"
    other = replace(fleet, sensors=fleet.sensors[:2], sampling=fleet.sampling)
    with pytest.raises(ModelError, match="use the fleet file it was landed with, or backfill again"):
        StoredHistory(store, dataset, other)
