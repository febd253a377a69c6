"""The chart, rendered by a real Helm."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "chillcast"
NEEDED = {
    "kafka.brokers": "kafka:9092",
    "influxdb.url": "http://influxdb:8086",
    "influxdb.secretName": "influx",
    "bundles.existingClaim": "bundles",
}
Manifest = dict[str, Any]
KUBERNETES = ("--kube-version", "1.30.0")  # that of a Helm that go builds is older than the chart takes


@functools.cache
def helm() -> str:
    """Return the path of a Helm; if none can be had, the test is skipped with the reason."""
    found = subprocess.run([str(ROOT / "scripts" / "helm.sh")], capture_output=True, text=True, check=False)
    if found.returncode == 3:
        pytest.skip(found.stderr.strip())
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def run_helm(*words: str) -> subprocess.CompletedProcess[str]:
    """Run Helm with some words."""
    return subprocess.run([helm(), *words], capture_output=True, text=True, check=False)


def rendered(**given: Any) -> list[Manifest]:
    """Return what the chart makes of the values that have to be given, and of others, `__` for each dot."""
    found = run_helm("template", "plant", str(CHART), *KUBERNETES, *set_to(given))
    assert found.returncode == 0, found.stderr
    return [document for document in yaml.safe_load_all(found.stdout) if document]


def refused(**given: Any) -> str:
    """Return what Helm says of values that it refuses."""
    found = run_helm("template", "plant", str(CHART), *KUBERNETES, *set_to(given))
    assert found.returncode != 0, found.stdout
    return found.stderr


def set_to(given: dict[str, Any]) -> list[str]:
    """Return the words that set values."""
    values = NEEDED | {key.replace("__", "."): value for key, value in given.items()}
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


def kind(documents: list[Manifest], name: str) -> list[Manifest]:
    """Return the documents of a kind."""
    return [document for document in documents if document["kind"] == name]


def containers(documents: list[Manifest]) -> Iterator[Manifest]:
    """Yield the containers of all pods."""
    for document in kind(documents, "StatefulSet"):
        yield from document["spec"]["template"]["spec"]["containers"]
