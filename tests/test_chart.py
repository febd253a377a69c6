"""The chart for Kubernetes: rendered by a real Helm, held against schemas, a worker started as in a pod."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from streams.kafka.embedded_broker import free_port
from streams.worker.endpoint import LIVE, READY
from tests.support.helm_chart import (
    CHART,
    Manifest,
    containers,
    kind,
    refused,
    rendered,
    run_helm,
    set_to,
)
from tests.support.probes import ready_and_said

pytestmark = pytest.mark.helm
OLDEST, NEWEST = "1.27", kubernetes_validate.latest_version()
FULL: dict[str, Any] = {
    "kafka__security": "sasl-tls",
    "kafka__secretName": "kafka",
    "kafka__caSecretName": "ca",
    "keda__enabled": "true",
    "workers__delivery__replicas": 1,
    "workers__delivery__memory": "512Mi",
    "workers__delivery__cpu": "250m",
    "notices__routesConfigMap": "routes",
    "notices__channelsSecret": "channels",
    "page__ingress__enabled": "true",
    "page__ingress__host": "chillcast.example.org",
    "page__ingress__tlsSecret": "tls",
    "page__oidc__issuer": "https://id.example.org",
    "page__oidc__clientId": "page",
    "page__oidc__secretName": "oidc",
    "image__digest": "sha256:" + "0" * 64,
    "networkPolicy__fromNamespaces__team": "operations",
}


def test_helm_finds_nothing_to_say_against_the_chart() -> None:
    found = run_helm("lint", "--strict", str(CHART), *set_to({}))
    assert found.returncode == 0, found.stdout + found.stderr
    assert "0 chart(s) failed" in found.stdout


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("given", [{}, FULL], ids=["least", "all"])
def test_every_manifest_is_what_the_api_expects(version: str, given: dict[str, Any]) -> None:
    documents = rendered(**given)
    assert {d["kind"] for d in documents} >= {
        "StatefulSet",
        "Service",
        "PodDisruptionBudget",
        "NetworkPolicy",
    }
    for document in documents:
        if document["kind"] != "ScaledObject":  # KEDA's own, of which the API has no schema
            kubernetes_validate.validate(document, version, strict=True)


def test_pods_are_nobody_and_write_nowhere_but_into_their_volumes() -> None:
    documents = rendered(**FULL)
    for document in kind(documents, "StatefulSet"):
        pod = document["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
    for container in containers(documents):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["allowPrivilegeEscalation"] is False


def test_secrets_come_by_reference_alone() -> None:
    for container in containers(rendered(**FULL)):
        for variable in container["env"]:
            if any(word in variable["name"] for word in ("TOKEN", "SECRET", "PASSWORD", "CHANNELS")):
                assert "secretKeyRef" in variable["valueFrom"], variable
    assert "CHILLCAST_INFLUX_TOKEN" in refused(settings__CHILLCAST_INFLUX_TOKEN="planted")


def test_who_only_reads_has_no_token_that_writes() -> None:
    def key(container: Manifest) -> str:
        (token,) = [v for v in container["env"] if v["name"] == "CHILLCAST_INFLUX_TOKEN"]
        found: str = token["valueFrom"]["secretKeyRef"]["key"]
        return found

    keys = {c["name"]: key(c) for c in containers(rendered())}
    assert keys == {"worker": "writer-token", "page": "reader-token"}


def test_probes_ask_where_a_worker_answers() -> None:
    worker = next(c for c in containers(rendered()) if c["name"] == "worker")
    assert worker["readinessProbe"]["httpGet"]["path"] == READY
    assert {worker[f"{p}Probe"]["httpGet"]["path"] for p in ("liveness", "startup")} == {LIVE}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"workers__risk__replicas": 3}, "workers.risk.replicas = 3: expected a divisor of partitions = 4"),
        ({"kafka__brokers": ""}, "kafka.brokers is empty: expected host:port of Apache Kafka"),
        ({"bundles__existingClaim": ""}, "bundles.existingClaim is empty"),
        ({"kafka__security": "sasl-tls"}, "kafka.secretName is empty"),
        ({"workers__risc__replicas": 2}, "workers"),
        ({"partitions": 0}, "partitions"),
    ],
)
def test_values_that_cannot_work_are_refused_with_what_was_expected(given: dict[str, Any], said: str) -> None:
    assert said in refused(**given)


def test_scaling_by_lag_never_goes_below_what_was_asked_for_nor_beyond_the_partitions() -> None:
    scalers = kind(rendered(**FULL, settings__CHILLCAST_TOPIC_PREFIX="north-"), "ScaledObject")
    assert {s["spec"]["scaleTargetRef"]["name"] for s in scalers} == {"plant-features", "plant-risk"}
    for scaler in scalers:
        assert (scaler["spec"]["minReplicaCount"], scaler["spec"]["maxReplicaCount"]) == (2, 4)
        (trigger,) = scaler["spec"]["triggers"]
        stage = scaler["metadata"]["name"].removeprefix("plant-")
        assert trigger["metadata"]["consumerGroup"] == f"north-chillcast-{stage}"
        assert (
            trigger["metadata"]["topic"] == {"features": "north-telemetry", "risk": "north-features"}[stage]
        )


def test_a_rendered_worker_really_starts_and_becomes_ready(bootstrap: str, tmp_path: Path) -> None:
    """The same words and variables as in a pod; but for the folders, and a port that is free here."""
    documents = rendered(
        kafka__brokers=bootstrap,
        fleet="monash",
        partitions=2,
        settings__CHILLCAST_TOPIC_PREFIX="chart-",
        **{f"workers__{s}__replicas": 1 for s in ("features", "risk")},
    )
    worker = next(c for c in containers(documents) if c["args"] == ["worker", "features"])
    port = free_port()
    variables = {v["name"]: v.get("value", "plant-features-0") for v in worker["env"]}
    changed = {"CHILLCAST_HOME": str(tmp_path), "HOME": str(tmp_path), "CHILLCAST_METRICS_PORT": str(port)}
    environment = {"PATH": os.environ["PATH"]} | variables | changed
    command = [sys.executable, "-m", "chillcast", *worker["args"]]
    ready, code, said = ready_and_said(command, f"http://127.0.0.1:{port}{READY}", environment)
    assert ready, said
    assert code == 0, said
