from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from chillcast.doctor.broker_checks import Subject, _exactly_once
from chillcast.doctor.doctor import examine, healthy
from chillcast.doctor.findings import Finding
from chillcast.resources import Resources
from chillcast.settings import Settings, read_settings
from models.features.schema import FeatureSchema
from models.fleet.config import table_json
from models.fleet.fleet import Fleet, load_fleet
from models.fleet.inventory import Inventory
from models.registry.bundle import write_bundle
from models.registry.promotion import Promotion
from streams.kafka.cluster import Cluster
from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import free_port
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics
from streams.records import Assignment
from streams.stage import Incoming
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point
from streams.wire import codec
from tests.support.damage import damaged_store
from tests.support.hazard_model import fitted
from tests.support.toy_model import fleet


def found(settings: Settings) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(lambda: settings)}


def test_settings_that_are_refused_are_all_there_is_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHILLCAST_PARTITIONS", "many")
    (finding,) = examine(read_settings)
    assert finding.status == "FAIL"
    assert "CHILLCAST_PARTITIONS = 'many'" in finding.detail
    assert not healthy([finding])


def test_a_fleet_file_that_is_wrong_fails_and_skips_what_needs_it(tmp_path: Path) -> None:
    broken = tmp_path / "fleet.toml"
    broken.write_text("name = 3\n", encoding="utf-8")
    findings = found(Settings(home=str(tmp_path), fleet=str(broken)))
    assert findings["fleet"].status == "FAIL"
    assert {findings[what].status for what in ("model", "registry")} == {"skipped"}


def test_zones_of_the_inventory_that_nobody_knows_are_named(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    Resources.open(home=str(tmp_path)).feature_store.keep_inventory(Inventory({"CH-1": {"timezone": "Mars"}}))
    fleet = found(settings)["fleet"]
    assert (fleet.status, "zone 'Mars' of CH-1" in fleet.detail) == ("warn", True)
    assert "chillcast data inventory" in fleet.remedy


def test_a_new_home_lacks_a_model_and_says_how_to_get_one(tmp_path: Path) -> None:
    findings = found(Settings(home=str(tmp_path)))
    assert findings["model"].status == "FAIL"
    assert "chillcast train" in findings["model"].remedy
    assert findings["registry"].status == "warn"
    assert findings["store"].status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_champion_whose_features_no_worker_computes_fails_and_one_that_brings_its_fleet_file_is_well(
    tmp_path: Path,
) -> None:
    grown = replace(fleet(), sensors=(*fleet().sensors, replace(fleet().sensors[0], key="extra")))
    model = replace(fitted(), fingerprint=FeatureSchema(grown).fingerprint)
    (tmp_path / "fleet.json").write_bytes(table_json(fleet()))
    settings = Settings(home=str(tmp_path), fleet=str(tmp_path / "fleet.json"))
    promotions = Resources(settings, fleet()).promotions
    named: tuple[str | Fleet, ...] = (fleet().name, grown)
    for number, brought in enumerate(named, 1):
        folder = promotions.folder / str(number)
        sha256 = write_bundle(folder, model, None, fleet=brought, metrics={}, lineage={})
        one = Promotion(version=str(number), reason="r", promoted_ms=number, sha256=sha256, number=number)
        promotions.claim(one)
        promotions.enforce("champion")
        finding = found(settings)["model"]
        assert finding.status == ("FAIL" if number == 1 else "ok")
        assert model.fingerprint in finding.detail
    assert "the fleet file that it brings along" in finding.detail


def test_a_store_is_looked_at_for_damage(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    SqliteStore(settings.store_path).close()
    assert found(settings)["store"].detail.endswith("store.db can be written; it is whole")
    damaged_store(settings.store_path)
    store = found(settings)["store"]
    assert store.status == "FAIL"
    assert "store.db: damaged: " in store.detail
    assert "move store.db, store.db-wal and store.db-shm away together" in store.detail


def test_routes_and_channels_are_looked_at_as_the_delivery_worker_would(tmp_path: Path) -> None:
    assert "nobody is told of cases" in found(Settings(home=str(tmp_path)))["delivery"].detail
    routes = tmp_path / "routes.toml"
    routes.write_text('[[routes]]\nname = "all"\nchannels = ["ops"]\n', encoding="utf-8")

    def told(channels: str) -> Finding:
        given = {"routes": str(routes), "channels": SecretStr(channels)}
        return found(Settings(home=str(tmp_path), **given))["delivery"]  # type: ignore[arg-type]

    assert told('{"ops": "json://127.0.0.1/in"}').detail.startswith("1 routes over ops; ")
    assert told('{"ops": "json://a/b", "boss": "json://a/c"}').detail.endswith("no route names boss")
    assert "routes[0].channels = 'ops': expected one of none (CHILLCAST_CHANNELS)" in told("{}").detail
    assert "an address that Apprise knows" in told('{"ops": "pigeon://loft"}').detail


def test_machines_of_which_no_risk_is_said_are_named(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    assert found(settings)["evidence"].detail == "no machine has a score yet"
    told: dict[str, dict[str, float | str]] = {
        "a": {"risk_14d": 0.1, "evidence": 0.9},
        "b": {"risk_14d": 0.2},
    }
    with closing(SqliteStore(settings.store_path)) as store:
        store.add([Point("scores", {"asset": asset}, fields, 1) for asset, fields in told.items()])
        store.flush()
        assert found(settings)["evidence"].status == "ok"
        store.add([Point("scores", {"asset": "a"}, {"evidence": 0.1}, 2)])
        store.flush()
    finding = found(settings)["evidence"]
    assert finding.status == "warn"
    assert finding.detail == "no risk is said of 1 of 2 machines: a"


def test_no_broker_is_a_warning_one_that_is_away_a_failure_that_skips_the_rest(tmp_path: Path) -> None:
    assert found(Settings(home=str(tmp_path)))["broker"].status == "warn"
    away = found(Settings(home=str(tmp_path), broker=f"127.0.0.1:{free_port()}"))
    assert away["broker"].status == "FAIL"
    assert {away[what].status for what in ("transactions", "topics", "state", "lag risk")} == {"skipped"}


class Members(Cluster):
    """A cluster in whose groups these members are."""

    def __init__(self, **members: str) -> None:
        self.said = {f"chillcast-{stage}": text.split() for stage, text in members.items()}

    def members(self, group: str) -> list[str]:
        return [f"{group}-{word}-2eeac1ec" for word in self.said.get(group, [])]


@pytest.mark.parametrize(
    ("members", "status", "detail"),
    [
        ({}, "skipped", "no worker runs"),
        (
            {"features": "exactly-once exactly-once", "sink": "exactly-once"},
            "ok",
            "exactly once: features (2), sink (1)",
        ),
        (
            {"features": "exactly-once at-least-once", "sink": "exactly-once"},
            "warn",
            "features (1 of 2): after",
        ),
        ({"risk": "faust"}, "warn", "risk (1 of 1)"),
    ],
)
def test_how_workers_commit_is_what_they_say_themselves(
    members: dict[str, str], status: str, detail: str
) -> None:
    finding = _exactly_once(Subject(Members(**members), Settings(), None, now_s=0.0))
    assert finding.status == status
    assert detail in finding.detail


def test_the_doctor_looks_at_the_topics_of_a_broker_without_transactions(
    bootstrap: str, tmp_path: Path
) -> None:
    create_topics(Connection(bootstrap), Topics("doctor-"), 2)
    findings = found(Settings(home=str(tmp_path), broker=bootstrap, topic_prefix="doctor-"))
    assert (findings["broker"].status, findings["topics"].status) == ("ok", "ok")
    assert findings["transactions"].status == "skipped"


def test_dead_letters_of_the_day_are_counted_and_the_last_one_told(bootstrap: str, tmp_path: Path) -> None:
    topics, settings = (
        Topics("letters-"),
        Settings(home=str(tmp_path), broker=bootstrap, topic_prefix="letters-"),
    )
    create_topics(Connection(bootstrap), topics, 2)
    assert found(settings)["dead letters"].status == "ok"
    with Publisher(Connection(bootstrap)) as publisher:
        for offset in (3, 4):
            letter = codec.letter(Incoming(topics.telemetry, 1, offset, b"a", b"x", ""), "no good")
            publisher.send(1, codec.dead_letter(topics.dead_letters, letter))
    finding = found(settings)["dead letters"]
    assert finding.status == "warn"
    assert finding.detail == "2 in a day; other 2; letters-telemetry/1 offset 4: no good"


def test_other_partitions_than_configured_fail(bootstrap: str, tmp_path: Path) -> None:
    create_topics(Connection(bootstrap), Topics("four-"), 4)
    finding = found(Settings(home=str(tmp_path), broker=bootstrap, topic_prefix="four-"))["topics"]
    assert finding.status == "FAIL"
    assert "four-telemetry has 4" in finding.detail


def test_an_influxdb_or_a_registry_that_is_away_is_named(tmp_path: Path) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    findings = found(
        Settings(home=str(tmp_path), influx_url=away, influx_token=SecretStr("t"), registry_uri=away)
    )
    assert findings["store"].status == findings["registry"].status == "FAIL"
    assert away in findings["store"].detail
    assert away in findings["registry"].detail


def test_the_command_prints_json_and_its_exit_code_says_whether_all_is_well(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chillcast", "doctor", "--home", str(tmp_path), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    said = json.loads(run.stdout)
    assert run.returncode == 1
    assert said["healthy"] is False
    assert {f["what"] for f in said["findings"]} >= {
        "settings",
        "fleet",
        "broker",
        "model",
        "store",
        "registry",
    }


@pytest.mark.parametrize(("promoted", "status"), [("2", "ok"), ("3", "warn")])
def test_workers_that_score_with_another_version_than_the_champion_are_named(
    promoted: str, status: str, bootstrap: str, tmp_path: Path
) -> None:
    prefix = f"scoring-{promoted}-"
    topics = Topics(prefix)
    create_topics(Connection(bootstrap), topics, 2)
    with Publisher(Connection(bootstrap)) as publisher:
        for version, offset in (("1", 0), ("2", 40)):
            assignment = Assignment(role="champion", version=version, sha256="", offset=offset)
            publisher.send(1, codec.assignment(topics.promotions, assignment))
    settings = Settings(home=str(tmp_path), broker=bootstrap, topic_prefix=prefix, partitions=2)
    promotions = Resources(settings, load_fleet(settings.fleet_path)).promotions
    promotions.claim(Promotion(version=promoted, reason="better", promoted_ms=0, number=1))
    promotions.enforce("champion")
    finding = found(settings)["scoring"]
    assert finding.status == status
    assert f"version {promoted}" in finding.detail
    assert ("partition 1 with 2" in finding.detail) == (status == "warn")
