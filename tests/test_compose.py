"""docker-compose.yml, resolved by a real Compose, which needs no daemon for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chillcast.settings import PREFIX, read_settings

ROOT = Path(__file__).parent.parent
SECRETS = {"INFLUX_TOKEN": "token", "INFLUX_PASSWORD": "password", "GRAFANA_PASSWORD": "password"}


def compose(secrets: dict[str, str], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    command = str(Path(sys.executable).parent / "docker-compose")
    empty = tmp_path / "empty.env"
    empty.touch()
    return subprocess.run(
        [command, "--env-file", str(empty), "config", "--format", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **secrets},
    )


@pytest.fixture
def resolved(tmp_path: Path) -> dict[str, Any]:
    found = compose(SECRETS, tmp_path)
    assert found.returncode == 0, found.stderr
    config: dict[str, Any] = json.loads(found.stdout)
    return config


def test_every_part_is_there(resolved: dict[str, Any]) -> None:
    assert set(resolved["services"]) == {"kafka", "influxdb", "grafana", "worker", "page"}
    assert resolved["services"]["kafka"]["image"].startswith("apache/kafka:")
    assert resolved["services"]["influxdb"]["image"] == "influxdb:2.7"


def test_ports_are_bound_to_loopback(resolved: dict[str, Any]) -> None:
    ports = [p for service in resolved["services"].values() for p in service.get("ports", [])]
    assert len(ports) == 4
    assert all(p["host_ip"] == "127.0.0.1" for p in ports)


def test_each_part_waits_until_what_it_needs_is_healthy(resolved: dict[str, Any]) -> None:
    needs = {"worker": {"kafka", "influxdb"}, "page": {"influxdb"}, "grafana": {"influxdb"}}
    for name, others in needs.items():
        waits = resolved["services"][name]["depends_on"]
        assert {k: v["condition"] for k, v in waits.items()} == dict.fromkeys(others, "service_healthy")
        assert all("healthcheck" in resolved["services"][other] for other in others)


def test_what_must_outlive_a_container_lies_in_a_volume(resolved: dict[str, Any]) -> None:
    def volumes(name: str) -> dict[str, str]:
        mounts = resolved["services"][name]["volumes"]
        return {m["target"]: m["source"] for m in mounts if m["type"] == "volume"}

    environment = resolved["services"]["kafka"]["environment"]
    assert volumes("kafka") == {environment["KAFKA_LOG_DIRS"]: "kafka"}
    assert volumes("influxdb") == {"/var/lib/influxdb2": "influxdb"}
    assert volumes("worker") == {resolved["services"]["worker"]["environment"]["CHILLCAST_HOME"]: "home"}


@pytest.mark.parametrize("service", ["worker", "page"])
def test_containers_find_the_champion_that_was_promoted_on_the_host(
    resolved: dict[str, Any], service: str
) -> None:
    (bundles,) = [m for m in resolved["services"][service]["volumes"] if m["type"] == "bind"]
    assert bundles["source"] == str(ROOT / ".chillcast" / "bundles")
    assert bundles["target"] == "/data/bundles"
    assert bundles["read_only"]
    assert bundles["bind"]["create_host_path"] is False


def test_the_settings_of_the_containers_are_settings_of_chillcast(
    resolved: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in resolved["services"]["worker"]["environment"].items():
        if name.startswith(PREFIX):
            monkeypatch.setenv(name, value)
    settings = read_settings()
    token = settings.influx_token.get_secret_value()
    assert (settings.broker, token, settings.partitions) == ("kafka:9092", "token", 4)


def test_workers_write_and_page_and_grafana_read_with_tokens_of_their_own(tmp_path: Path) -> None:
    given = {**SECRETS, "INFLUX_WRITER_TOKEN": "writes", "INFLUX_READER_TOKEN": "reads"}
    services = json.loads(compose(given, tmp_path).stdout)["services"]
    held = {name: services[name]["environment"].get("CHILLCAST_INFLUX_TOKEN") for name in ("worker", "page")}
    assert held == {"worker": "writes", "page": "reads"}
    assert services["grafana"]["environment"]["INFLUX_TOKEN"] == "reads"


def test_without_secrets_it_refuses_and_says_what_to_do(tmp_path: Path) -> None:
    found = compose({}, tmp_path)
    assert found.returncode != 0
    assert "INFLUX_" in found.stderr


@pytest.mark.parametrize("missing", SECRETS)
def test_each_secret_is_asked_for_by_name(missing: str, tmp_path: Path) -> None:
    found = compose({k: v for k, v in SECRETS.items() if k != missing}, tmp_path)
    assert found.returncode != 0
    assert missing in found.stderr


def test_the_example_of_an_environment_is_enough_and_git_ignores_the_real_one() -> None:
    lines = (ROOT / "deploy" / "env.example").read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert given.keys() >= SECRETS.keys()
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert all(f"${{{name}" in text for name in given)
    for ignoring in (".gitignore", ".dockerignore"):
        assert ".env" in (ROOT / ignoring).read_text(encoding="utf-8").splitlines()


def test_the_container_is_built_from_the_lock_and_does_not_run_as_root() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes -r requirements/worker.txt" in text
    assert text.index("\nUSER 10001") > text.rindex("\nRUN ")
