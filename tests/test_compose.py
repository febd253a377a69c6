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


def test_workers_wait_for_a_healthy_broker_and_store(resolved: dict[str, Any]) -> None:
    for name in ("worker", "page"):
        waits = resolved["services"][name]["depends_on"]
        assert {k: v["condition"] for k, v in waits.items()} == {
            "kafka": "service_healthy",
            "influxdb": "service_healthy",
        }


def test_the_settings_of_the_containers_are_settings_of_chillcast(resolved: dict[str, Any]) -> None:
    environment = resolved["services"]["worker"]["environment"]
    settings = read_settings({k: v for k, v in environment.items() if k.startswith(PREFIX)})
    assert (settings.broker, settings.influx_token, settings.partitions) == ("kafka:9092", "token", 4)


def test_without_secrets_it_refuses_and_says_what_to_do(tmp_path: Path) -> None:
    found = compose({}, tmp_path)
    assert found.returncode != 0
    assert "INFLUX_" in found.stderr


def test_the_dashboards_are_whole() -> None:
    text = (ROOT / "deploy" / "grafana" / "dashboards" / "chillcast.json").read_text(encoding="utf-8")
    assert {panel["datasource"]["uid"] for panel in json.loads(text)["panels"]} == {"chillcast"}
