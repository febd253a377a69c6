"""What the page is told of models, and does about them, over a real registry and a real broker."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from chillcast.models.modelling import Models
from chillcast.resources import Resources
from chillcast.retraining.desk import ModelDesk, with_models
from chillcast.settings import Settings
from models.errors import ModelError
from models.fleet.config import table_json
from models.fleet.fleet import load_fleet
from streams.access.roles import Person
from streams.page.backstage import Wanted
from tests.loop.drifting_fleet import drifting_fleet
from tests.support.drifted_homes import shadow
from tests.support.model_desks import promoted
from tests.support.registered import registered
from tests.support.registries import put_registry
from tests.support.toy_model import fleet, trained

ANN = Person("ann", "data-scientist", "session", "10.0.0.7")


def test_what_a_person_decides_is_done_under_their_name_as_far_as_they_saw(tmp_path: Path) -> None:
    toy = trained(fleet())
    put_registry(tmp_path)
    (tmp_path / "fleet.json").write_bytes(table_json(toy.fleet))
    resources = Resources(Settings(home=str(tmp_path), fleet=str(tmp_path / "fleet.json")), toy.fleet)
    for offset, recall in ((0.0, 0.5), (0.1, 0.4)):
        registered(Models(resources), replace(toy.model, offset=offset), model_recall=recall)
    desk = ModelDesk(resources)
    with pytest.raises(ModelError, match="promotion 7 was not made yet: the newest is 0"):
        desk.decide(Wanted(version="1", reason="first", seen=7), ANN)
    assert desk.decide(Wanted(version="1", reason="first", seen=0), ANN)["who"] == "ann"
    with pytest.raises(ModelError, match="meanwhile ann promoted version 1 as champion"):
        desk.decide(Wanted(version="2", reason="late", seen=0), ANN)
    with pytest.raises(ModelError, match=r"recall: 0\.4, at least 0\.5 is wanted"):
        desk.decide(Wanted(version="2", reason="please", seen=1), ANN)
    assert "recall" in desk.decide(Wanted(version="2", reason="x", override=True), ANN)["overridden"]
    assert desk.decide(Wanted(reason="it cried wolf", seen=2), ANN)["version"] == "1"
    lines = [line for line in resources.audit.read() if line.via == "session"]
    assert {(line.who, line.address) for line in lines} == {("ann", "10.0.0.7")}
    assert desk.retraining() == {"runs": []}
    assert desk.fares() == {}


def test_a_folder_that_cannot_be_written_is_said_as_such(tmp_path: Path) -> None:
    toy = trained(fleet())
    put_registry(tmp_path)
    (tmp_path / "fleet.json").write_bytes(table_json(toy.fleet))
    resources = Resources(Settings(home=str(tmp_path), fleet=str(tmp_path / "fleet.json")), toy.fleet)
    registered(Models(resources), toy.model)
    (tmp_path / "bundles").write_text("no folder")
    with pytest.raises(ModelError, match=f"{tmp_path / 'bundles'}.*: Not a directory"):
        ModelDesk(resources).decide(Wanted(version="1", reason="first"), ANN)
    promoting = [line.result for line in resources.audit.read() if line.action == "promote model"]
    assert promoting == ["failed", "asked"]


def test_challenger_and_champion_are_compared_in_the_background(tmp_path: Path, bootstrap: str) -> None:
    toy = drifting_fleet()
    (tmp_path / "fleet.json").write_bytes(table_json(toy))
    given = {"broker": bootstrap, "topic_prefix": "desk-"}
    settings = Settings(home=str(tmp_path), fleet=str(tmp_path / "fleet.json"), **given)  # type: ignore[arg-type]
    resources = Resources(settings, load_fleet(settings.fleet_path))
    for number, (version, role) in enumerate((("1", "champion"), ("2", "challenger")), 1):
        folder = resources.promotions.folder
        folder.mkdir(parents=True, exist_ok=True)
        given_role = promoted(number, version, role)
        (folder / f"{role}.json").write_bytes(msgspec.json.encode(given_role))
    shadow(settings, "1", "2")
    desk, until_s = ModelDesk(resources), time.monotonic() + 60
    while "verdict" not in (told := desk.fares()):
        assert "waits" in told
        assert time.monotonic() < until_s
        time.sleep(0.2)
    assert (told["verdict"], told["windows"], told["champion_version"]) == ("better", 60, "1")
    assert sum(one["windows"] for one in told["challenger"]) == 60


def test_a_page_that_only_shows_decides_nothing(tmp_path: Path) -> None:
    toy = drifting_fleet()
    for writes, may in (("nobody", False), ("loopback", True)):
        settings = Settings(home=str(tmp_path), page_writes=writes)  # type: ignore[arg-type]
        assert ("decide" in with_models(Resources(settings, toy))) is may
