"""What somebody changes in MLflow behind the record is noticed and reported, and nobody obeys it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chillcast.doctor.doctor import examine
from chillcast.models.aliases import notice
from chillcast.models.modelling import Models
from chillcast.resources import Resources
from chillcast.settings import Settings
from models.fleet.config import table_json
from models.registry.promotion import CHAMPION, Promotion
from streams.access.audit import Deed
from streams.access.roles import Person
from streams.champions.model_pool import PromotedModels
from tests.support.commands import chillcast
from tests.support.registered import registered
from tests.support.registries import put_registry
from tests.support.toy_model import Trained, fleet, trained

BY = Person("watch", "data-scientist", "service")


@pytest.fixture(scope="module")
def toy() -> Trained:
    return trained(fleet())


@pytest.fixture
def models(toy: Trained, tmp_path: Path) -> Models:
    put_registry(tmp_path)
    (tmp_path / "fleet.json").write_bytes(table_json(toy.fleet))
    found = Models(Resources(Settings(home=str(tmp_path), fleet=str(tmp_path / "fleet.json")), toy.fleet))
    for offset in (0.0, 0.1):
        registered(found, replace(toy.model, offset=offset))
    found.promote("1", reason="the first")
    return found


def behind_our_back(models: Models, version: str | None) -> None:
    client = models.registry._client
    if version is None:
        client.delete_registered_model_alias("toy", CHAMPION)
    else:
        client.set_registered_model_alias("toy", CHAMPION, version)


def said(models: Models) -> list[tuple[str, str]]:
    lines = models.resources.audit.read(words="alias changed")
    own = [line for line in reversed(lines) if line.about == "alias champion of toy"]
    return [(line.result, line.detail) for line in own]


def test_an_alias_that_was_changed_in_mlflow_is_put_on_record_once_and_obeyed_by_nobody(
    models: Models, toy: Trained
) -> None:
    assert notice(models, BY) == []
    behind_our_back(models, "2")
    (text,) = notice(models, BY)
    assert "alias champion of toy in MLflow is on version 2, version 1 was promoted" in text
    other = Deed("alias changed", "alias champion of toy-2", "as recorded again")
    models.resources.audit.write(BY, other)
    assert notice(models, BY) == []
    assert {v.version: v.aliases for v in models.versions()} == {"2": (), "1": (CHAMPION,)}
    pool = PromotedModels(models.promotions, toy.fleet)
    ready = pool.ready(CHAMPION)
    assert ready is not None
    assert ready.version == "1"
    behind_our_back(models, None)
    assert "is gone, version 1 was promoted" in notice(models, BY)[0]
    behind_our_back(models, "1")
    assert notice(models, BY) == []
    assert [result for result, _ in said(models)] == ["not obeyed", "not obeyed", "as recorded again"]


def test_a_claim_that_never_came_into_force_has_no_role(models: Models) -> None:
    claimed = Promotion(fleet="toy", version="2", reason="cut off", promoted_ms=5, number=2)
    models.promotions.claim(claimed)
    assert {v.version: v.aliases for v in models.versions()} == {"2": (), "1": (CHAMPION,)}
    assert models.strayed() == []


def test_doctor_and_the_list_of_models_report_it(models: Models) -> None:
    settings = models.settings
    behind_our_back(models, "2")
    (found,) = [one for one in examine(lambda: settings) if one.what == "registry"]
    assert (found.status, "in MLflow is on version 2" in found.detail) == ("warn", True)
    listed = chillcast(*("models", "list", "--json", "--fleet", settings.fleet), home=settings.home_path)
    assert "ALARM alias champion of toy in MLflow is on version 2" in listed.stderr
    assert [one["aliases"] for one in json.loads(listed.stdout)] == [[], [CHAMPION]]
    behind_our_back(models, "1")
    (found,) = [one for one in examine(lambda: settings) if one.what == "registry"]
    assert found.status == "ok"
