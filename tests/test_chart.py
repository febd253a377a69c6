"""The chart for Kubernetes: rendered by a real Helm, held against schemas, a worker started as in a pod."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from streams.kafka.embedded_broker import free_port
from streams.worker.endpoint import LIVE, READY
from tests.support.helm_chart import (
    CHART,
    KUBERNETES,
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
        ({"kafka__brokers": "kafka"}, "kafka"),
        ({"influxdb__url": "influxdb:8086"}, "influxdb"),
        ({"page__ingress__enabled": "true"}, "page.ingress.host is empty: expected the name"),
        ({"page__oidc__issuer": "https://id.example.org"}, "page.oidc.clientId is empty"),
        ({"notices__routesConfigMap": "routes"}, "notices.channelsSecret is empty"),
        (
            {"notices__routesConfigMap": "routes", "notices__channelsSecret": "channels"},
            "notices.routesConfigMap and workers.delivery: expected both or neither",
        ),
        (
            {"workers__rekey__replicas": 1, "workers__rekey__memory": "1Gi", "workers__rekey__cpu": "1m"},
            "settings.CHILLCAST_REKEY_TOPIC is missing",
        ),
    ],
)
def test_values_that_cannot_work_are_refused_with_what_was_expected(given: dict[str, Any], said: str) -> None:
    assert said in refused(**given)


def test_what_the_chart_sets_itself_is_not_set_beside_it() -> None:
    own = {v["name"] for c in containers(rendered(**FULL)) for v in c["env"] if "valueFrom" not in v}
    assert len(own) > 15
    for name in own - {"HOME"}:
        assert f"settings.{name}: expected the key of the chart" in refused(
            **FULL, **{f"settings__{name}": "x"}
        )
    by_proxy = rendered(settings__CHILLCAST_PAGE_ROLES="operators=lead")
    assert {"name": "CHILLCAST_PAGE_ROLES", "value": "operators=lead"} in next(containers(by_proxy))["env"]


@pytest.mark.parametrize("release", ["true", "1e3", "a.b", "1plant", "north-" + "x" * 40])
def test_whatever_a_release_is_called_its_objects_have_names_that_the_api_takes(release: str) -> None:
    found = run_helm("template", release, str(CHART), *KUBERNETES, *set_to(FULL))
    if not release[0].isalpha():
        assert f"release {release}: expected a name that begins with a letter" in found.stderr
        return
    documents = [document for document in yaml.safe_load_all(found.stdout) if document]
    for document in documents:
        name = document["metadata"]["name"]
        assert re.fullmatch(r"[a-z][a-z0-9-]{0,51}", name), name
        assert document["metadata"]["labels"]["app.kubernetes.io/instance"] == release


def test_large_numbers_and_names_that_look_like_numbers_arrive_as_they_were_written(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(
        "settings: {CHILLCAST_SEGMENT_MEMORY_MB: 1000000, CHILLCAST_STATE_INTERVAL_S: 30}\n"
        'keda: {enabled: true, lagThreshold: 5000000}\nimage: {pullSecrets: ["123"]}\n'
        'storage: {className: "1"}\n',
        encoding="utf-8",
    )
    words = ("template", "plant", str(CHART), *KUBERNETES, *set_to({}), "-f", str(values))
    documents = [document for document in yaml.safe_load_all(run_helm(*words).stdout) if document]
    environment = {v["name"]: v.get("value") for c in containers(documents) for v in c["env"]}
    assert environment["CHILLCAST_SEGMENT_MEMORY_MB"] == "1000000"
    assert environment["CHILLCAST_STATE_INTERVAL_S"] == "30"
    for scaler in kind(documents, "ScaledObject"):
        assert scaler["spec"]["triggers"][0]["metadata"]["lagThreshold"] == "5000000"
    for document in kind(documents, "StatefulSet"):
        assert document["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "123"}]
        for claim in document["spec"].get("volumeClaimTemplates", ()):
            assert claim["spec"]["storageClassName"] == "1"


def test_who_asks_by_the_name_of_the_ingress_is_answered() -> None:
    page = next(
        c for c in containers(rendered(**FULL, page__allowedHosts="a.example")) if c["name"] == "page"
    )
    (hosts,) = [v["value"] for v in page["env"] if v["name"] == "CHILLCAST_PAGE_ALLOWED_HOSTS"]
    assert hosts == "localhost,a.example,chillcast.example.org"


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
