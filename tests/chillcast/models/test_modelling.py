"""Models as a data scientist handles them, over a real registry and a real broker."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chillcast.models.modelling import Models
from chillcast.resources import Resources
from chillcast.settings import Settings
from models.errors import ModelError
from models.event_time import DAY_MS
from models.features.schema import FeatureSchema
from models.fleet.config import table_json
from models.registry.promotion import CHALLENGER, CHAMPION, Promotion
from models.telemetry.samples import Event
from streams.access.roles import Person
from streams.kafka.connection import Connection
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics
from streams.records import Assignment, Scores, Watermark
from streams.wire import codec
from tests.support.commands import printed
from tests.support.foreign_boosters import foreign_booster, two_features
from tests.support.registered import registered
from tests.support.registries import put_registry
from tests.support.toy_model import Trained, fleet, trained


@pytest.fixture(scope="module")
def toy() -> Trained:
    return trained(fleet())


@pytest.fixture
def models(toy: Trained, tmp_path: Path) -> Models:
    put_registry(tmp_path)
    (tmp_path / "fleet.json").write_bytes(table_json(toy.fleet))
    settings = Settings(home=str(tmp_path), fleet=str(tmp_path / "fleet.json"))
    return Models(Resources(settings, toy.fleet))


def champion(models: Models) -> str:
    found = models.promotions.newest()
    assert found is not None
    return found.version


def test_a_booster_of_ones_own_is_registered_shadowed_promoted_and_rolled_back(
    models: Models, toy: Trained, tmp_path: Path
) -> None:
    first = registered(models, toy.model)
    models.promote(first, reason="the first")
    foreign_booster(two_features(), 2).save_model(tmp_path / "own.txt")
    own = models.register(tmp_path / "own.txt", threshold=0.3)
    models.promote(own, reason="to see", shadow=True)
    with pytest.raises(ModelError, match=rf"version {own} does not pass the gate: not measured"):
        models.promote(own, reason="mine")
    done = models.promote(own, reason="mine", override=True)
    assert "not measured on the champion's slice" in done["overridden"]
    assert champion(models) == own
    models.rollback(reason="it cried wolf")
    assert champion(models) == first
    rows = models.history()
    assert [(r["role"], r["version"], r["reason"]) for r in rows] == [
        (CHAMPION, first, "the first"),
        (CHALLENGER, own, "to see"),
        (CHAMPION, own, "mine"),
        (CHAMPION, first, "it cried wolf"),
    ]
    aliases = {v.version: v.aliases for v in models.versions()}
    assert aliases == {first: (CHAMPION,), own: (CHALLENGER,)}
    tags = models.show(own)["tags"]
    assert sum(key.startswith("gate.") for key in tags) == 2
    assert sum(key.startswith("promotion.") for key in tags) == 2


def test_the_gate_lets_the_better_in_and_keeps_the_worse_out(models: Models, toy: Trained) -> None:
    models.promote(registered(models, toy.model), reason="the first")
    worse = registered(models, replace(toy.model, offset=0.1), model_recall=0.4)
    with pytest.raises(ModelError, match=r"recall: 0\.4, at least 0\.5 is wanted"):
        models.promote(worse, reason="please")
    better = registered(models, replace(toy.model, offset=0.2), model_recall=0.6)
    models.promote(better, reason="better")
    assert champion(models) == better
    compared = models.compare(worse)
    assert compared["versions"] == [worse, better]
    assert compared["metrics"]["model_recall"] == [0.4, 0.6]
    assert not compared["gate"]["passed"]


def test_who_promotes_on_the_strength_of_what_is_no_longer_so_is_told(models: Models, toy: Trained) -> None:
    first, second = registered(models, toy.model), registered(models, replace(toy.model, offset=0.1))
    number = models.promotions.next_number
    models.promote(first, reason="quicker")
    late = Promotion(fleet="toy", version=second, reason="slower", promoted_ms=1, number=number)
    with pytest.raises(ModelError, match=rf"promotion {number} of toy: .* promoted version {first}"):
        models.registry.promote(late)
    assert champion(models) == first


def test_features_that_nobody_can_compute_are_refused_with_what_to_do(models: Models, toy: Trained) -> None:
    models.promote(registered(models, toy.model), reason="the first")
    other = registered(models, replace(toy.model, fingerprint="0" * 16))
    with pytest.raises(
        ModelError, match=r"fingerprint 0+: this fleet has .* give the fleet file the sensors"
    ):
        models.promote(other, reason="new", override=True, new_features=True, shadow=True)


def test_a_version_with_other_features_goes_through_the_shadow_or_is_asked_for_by_name(
    models: Models, toy: Trained
) -> None:
    models.promote(registered(models, toy.model), reason="the first")
    sensors = (*toy.fleet.sensors, replace(toy.fleet.sensors[0], key="extra"))
    grown = replace(toy.fleet, sensors=sensors)
    schema = FeatureSchema(grown)
    other = replace(toy.model, fingerprint=schema.fingerprint, feature_names=schema.names)
    first, second = (registered(models, replace(other, offset=at), grown) for at in (0.1, 0.2))
    with pytest.raises(ModelError, match=r"shadow it first, .* or promote it with --new-features"):
        models.promote(first, reason="new")
    models.promote(first, reason="to compare", shadow=True)
    assert models.promote(first, reason="it has won")["overridden"] == ""
    assert champion(models) == first
    models.promote(registered(models, toy.model), reason="back", new_features=True)
    models.promote(second, reason="at once", new_features=True)
    assert champion(models) == second


def promoted_before(models: Models, toy: Trained) -> str:
    """Promote two versions; return the one that a rollback goes back to."""
    first = registered(models, toy.model)
    models.promote(first, reason="the first")
    models.promote(registered(models, replace(toy.model, offset=0.1)), reason="the second", override=True)
    return first


def test_rolling_back_needs_no_registry(
    models: Models, toy: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = promoted_before(models, toy)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{closed.getsockname()[1]}"
        alone = Models(Resources(models.settings.model_copy(update={"registry_uri": away}), toy.fleet))
        done = alone.rollback(reason="at night")
    assert done["registry"].startswith(f"not told: registry {away}")
    assert champion(models) == first


def test_a_rollback_is_in_force_even_if_there_is_no_registry_to_be_told(
    models: Models, toy: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = promoted_before(models, toy)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "mlflow.tracking", None)
        done = Models(Resources(models.settings, toy.fleet)).rollback(reason="at night")
    assert done["registry"].startswith("not told: MLflow is not installed")
    assert champion(models) == first


def test_rollbacks_go_back_one_after_another_and_never_to_what_was_rolled_back(
    models: Models, toy: Trained
) -> None:
    versions = [registered(models, replace(toy.model, offset=at / 10)) for at in range(3)]
    for version in versions:
        models.promote(version, reason="newer", override=True)
    assert [models.rollback(reason="bad")["version"] for _ in range(2)] == versions[1::-1]
    with pytest.raises(ModelError, match="is the first: there is none before it"):
        models.rollback(reason="still bad")
    models.promote(versions[2], reason="mended", override=True)
    assert models.rollback(reason="or not")["version"] == versions[0]


def test_a_rollback_is_in_force_even_if_the_folder_of_the_registry_cannot_be_made(
    models: Models, toy: Trained
) -> None:
    first = promoted_before(models, toy)
    folder = models.settings.home_path / "registry"
    folder.rename(folder.with_name("away"))
    folder.write_text("no folder")
    done = Models(Resources(models.settings, toy.fleet)).rollback(reason="at night")
    assert done["registry"].startswith("not told: ")
    assert champion(models) == first


def test_the_first_champion_cannot_be_rolled_back(models: Models, toy: Trained) -> None:
    models.promote(registered(models, toy.model), reason="the first")
    with pytest.raises(ModelError, match="is the first: there is none before it"):
        models.rollback(reason="why not")


def test_what_is_promoted_or_rolled_back_without_a_reason_is_refused(models: Models, toy: Trained) -> None:
    first = registered(models, toy.model)
    with pytest.raises(ModelError, match="reason ' ': give a reason; it is recorded"):
        models.promote(first, reason=" ")
    models.promote(first, reason="the first")
    with pytest.raises(ModelError, match="reason '': give a reason; it is recorded"):
        models.rollback(reason="")


def test_verify_finds_the_bundle_that_was_changed(models: Models, toy: Trained) -> None:
    good, bad = registered(models, toy.model), registered(models, replace(toy.model, offset=0.1))
    paths = (models.registry.folder / "artifacts").rglob("manifest.json")
    spoilt = next(p for p in paths if b'"offset": 0.1' in p.read_bytes())
    spoilt.write_bytes(spoilt.read_bytes().replace(b'"offset": 0.1', b'"offset": 0.9'))
    rows = {row["version"]: row for row in models.verify()}
    assert rows[good]["ok"]
    assert not rows[bad]["ok"]
    assert "not the bundle that was registered" in rows[bad]["text"]


def test_verify_knows_the_features_of_a_champion_that_brings_its_fleet_file(
    models: Models, toy: Trained
) -> None:
    grown = replace(toy.fleet, sensors=(*toy.fleet.sensors, replace(toy.fleet.sensors[0], key="extra")))
    there, present = (FeatureSchema(one).fingerprint for one in (grown, toy.fleet))
    plain = registered(models, toy.model)
    own = registered(models, replace(toy.model, fingerprint=there), grown)
    lone = registered(models, replace(toy.model, fingerprint=there, offset=0.1))
    models.promote(own, reason="the first")
    rows = {row["version"]: row["text"] for row in models.verify()}
    assert (rows[own], rows[plain]) == ("scores", f"scores, on features {present}, not {there}")
    models.promote(plain, reason="back", override=True, new_features=True)
    rows = {row["version"]: row["text"] for row in models.verify()}
    said = f"scores, on features {there}, not {present}; "
    assert (rows[own], rows[plain]) == (f"{said}its fleet file comes along", "scores")
    assert rows[lone].startswith(f"{said}no worker computes these: ")


def test_a_promotion_is_heard_on_its_topic_and_history_knows_the_offsets(
    models: Models, toy: Trained, bootstrap: str
) -> None:
    settings = models.settings.model_copy(update={"broker": bootstrap, "topic_prefix": "modelling-"})
    topics, connection = Topics(settings.topic_prefix), Connection(bootstrap)
    create_topics(connection, topics, settings.partitions)
    online = Models(Resources(settings, toy.fleet))
    done = online.promote(registered(models, toy.model), reason="the first")
    assert done["heard"] == "on topic modelling-promotions"
    begun = Assignment(role=CHAMPION, version="1", sha256=done["sha256"], offset=17, number=done["number"])
    with Publisher(connection) as publisher:
        publisher.send(1, codec.assignment(topics.promotions, begun))
    assert [row["from"] for row in online.history()] == [{1: 17}]


def test_compare_reads_what_became_of_the_scores_of_both(
    models: Models, toy: Trained, bootstrap: str
) -> None:
    settings = models.settings.model_copy(update={"broker": bootstrap, "topic_prefix": "shadowed-"})
    topics, connection = Topics(settings.topic_prefix), Connection(bootstrap)
    create_topics(connection, topics, settings.partitions)
    online = Models(Resources(settings, toy.fleet))
    for _ in range(2):
        online.promote(registered(models, toy.model), reason="r", override=True)
    names = tuple(f"m{i:03d}" for i in range(60))
    stops = {name for i, name in enumerate(names) if i % 4 == 0}
    day = 20_000 * DAY_MS
    with Publisher(connection) as publisher:
        for topic, model, sharp in ((topics.scores, "2", 0.05), (topics.shadow, "1", 0.2)):
            risk = np.array([0.25 + (sharp * 3 if name in stops else -sharp) for name in names])
            record = Scores(
                model,
                toy.fleet.horizons_d,
                names,
                np.arange(60, dtype=np.int32),
                np.full(60, day),
                np.zeros(60, np.int32),
                np.repeat(risk[:, None], 3, axis=1),
                risk,
            )
            publisher.send(0, codec.scores(topic, record))
        for name in stops:
            publisher.send(1, codec.event(topics.events, Event(day + DAY_MS, name, "shutdown")))
        for partition in range(settings.partitions):
            publisher.send(partition, codec.watermark(topics.scores, Watermark(day + 7 * DAY_MS)))
    found = online.compare("1")["online"]
    assert (found["verdict"], found["windows"], found["assets"], found["outcomes"]) == ("better", 60, 60, 15)
    assert found["high"] < 0


def test_the_command_line_says_the_same(models: Models, toy: Trained) -> None:
    home = models.settings.home_path
    there = ("--home", str(home), "--fleet", str(home / "fleet.json"))
    models.promote(registered(models, toy.model), reason="the first")
    foreign_booster(two_features(), 2).save_model(home / "own.txt")
    assert json.loads(printed("models", "register", str(home / "own.txt"), "--json", *there)) == {
        "version": "2"
    }
    command = [sys.executable, "-m", "chillcast", "models", "promote", "2", "--reason", "mine", *there]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert refused.returncode == 1
    assert "chillcast: version 2 does not pass the gate" in refused.stderr
    printed("models", "promote", "2", "--reason", "mine", "--override", *there)
    shown = printed("models", "history", *there).splitlines()
    assert [line.split()[0] for line in shown] == ["number", "1", "2"]
    assert "  mine  " in shown[2]
    assert "not measured on the champion's slice" in shown[2]


def test_verdicts_promotions_and_rollbacks_are_on_record_with_who_and_why(
    models: Models, toy: Trained
) -> None:
    ann = Person("ann", "data-scientist", "token")
    first = registered(models, toy.model)
    models.promote(first, reason="the first", by=ann)
    worse = registered(models, replace(toy.model, offset=0.1), model_recall=0.4)
    with pytest.raises(ModelError, match=r"recall: 0\.4"):
        models.promote(worse, reason="please", by=ann)
    models.promote(worse, reason="all the same", by=ann, override=True)
    models.rollback(reason="it cried wolf", by=ann)
    lines = [line for line in reversed(models.resources.audit.read()) if line.who == "ann"]
    told = [(line.action, line.about, line.result) for line in lines]
    one, two = f"model {first} of toy", f"model {worse} of toy"
    assert told == [
        ("promote model", one, "asked"),
        ("gate", one, "passed"),
        ("promote model", one, "done"),
        ("promote model", two, "asked"),
        ("gate", two, "refused"),
        ("promote model", two, "refused"),
        ("promote model", two, "asked"),
        ("gate", two, "refused"),
        ("promote model", two, "done"),
        ("roll back model", "model champion of toy", "asked"),
        ("roll back model", "model champion of toy", "done"),
    ]
    assert "recall: 0.4, at least 0.5 is wanted" in lines[4].detail
    assert lines[8].detail == "all the same --override"
    assert models.history()[-1]["who"] == "ann"
