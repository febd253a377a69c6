"""What is known of registered models: one, two side by side, who was promoted, and which are whole."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from chillcast.models.aliases import roles_of
from chillcast.models.gating import gate
from chillcast.models.registered import Registered
from chillcast.models.shadowing import judge_shadow
from models.errors import ModelError
from models.features.schema import FeatureSchema
from models.registry.bundle import load_bundle, read_index
from models.registry.manifest import load_features, read_manifest
from models.registry.mlflow_registry import Version
from models.registry.promotion import Promotion
from models.risk.model_set import summary
from models.telemetry.samples import utc
from streams.champions.assignments import read_assignments

_SHOWN_ELSEWHERE = ("sha256", "fingerprint")


def versions(registered: Registered) -> list[Version]:
    """Return every version, newest first, with the roles that were given to them here."""
    found, roles = registered.registry.versions(registered.fleet.name), roles_of(registered)
    return [replace(v, aliases=roles.get(v.version, ())) for v in found]


def show(registered: Registered, version: str) -> dict[str, Any]:
    """Return all that is known of a version."""
    known = {v.version: v for v in versions(registered)}
    with registered.bundle(version) as folder:
        manifest, index = read_manifest(folder), read_index(folder)
    found = known[version]
    return {
        "version": version,
        "roles": list(found.aliases),
        "registered": utc(found.created_ms),
        "sha256": found.sha256,
        "fingerprint": manifest.fingerprint,
        "threshold": manifest.threshold,
        "metrics": manifest.metrics,
        "lineage": manifest.lineage,
        "segments": summary(index),
        "tags": {k: v for k, v in sorted(found.tags.items()) if k not in _SHOWN_ELSEWHERE},
    }


def compare(registered: Registered, version: str, other: str | None = None) -> dict[str, Any]:
    """Return the figures of two versions side by side, what the gate says, and the shadow."""
    other = other or registered.champion().version
    with registered.bundle(version) as one, registered.bundle(other) as two:
        new, old = read_manifest(one).metrics, read_manifest(two).metrics
    names = sorted({*new, *old})
    verdict = gate(registered, version)
    return {
        "versions": [version, other],
        "metrics": {name: [new.get(name), old.get(name)] for name in names},
        "gate": {"passed": verdict.passed, "checks": [check.text for check in verdict.checks]},
        "online": _online(registered, version),
    }


def history(registered: Registered) -> list[dict[str, Any]]:
    """Return every promotion, oldest first, and from which offsets it scored, if a broker knows."""
    begun = _first_offsets(registered)
    return [_told(promotion, begun.get(promotion.number, {})) for promotion in registered.promotions.all()]


def _told(promotion: Promotion, offsets: dict[int, int]) -> dict[str, Any]:
    return {
        "number": promotion.number,
        "when": utc(promotion.promoted_ms),
        "role": promotion.role,
        "version": promotion.version,
        "who": promotion.who,
        "reason": promotion.reason,
        "overridden": promotion.overridden,
        "from": offsets,
    }


def _first_offsets(registered: Registered) -> dict[int, dict[int, int]]:
    """Return, by number of the promotion, the offset of each partition from which it scored."""
    topic, settings = registered.topics.promotions, registered.settings
    if not registered.has_topic(topic):
        return {}
    found = asyncio.run(read_assignments(settings.connection, topic, settings.partitions))
    begun: dict[int, dict[int, int]] = {}
    for partition, assignments in found.items():
        for assignment in assignments:
            begun.setdefault(assignment.number, {}).setdefault(partition, assignment.offset)
    return begun


def verify(registered: Registered, version: str | None = None) -> list[dict[str, Any]]:
    """Check a version, or all: hashes, indices, a score by another process, and whose features it has."""
    chosen = [version] if version else [v.version for v in versions(registered)]
    present = features_of_champion(registered)
    return [_verified(registered, v, present) for v in chosen]


def features_of_champion(registered: Registered) -> str:
    """Return the fingerprint of the champion's features; without a champion that of the fleet file's."""
    champion = registered.promotions.newest()
    if champion is None:
        return FeatureSchema(registered.fleet).fingerprint
    return read_manifest(registered.promoted_folder(champion)).fingerprint


def _verified(registered: Registered, version: str, present: str) -> dict[str, Any]:
    try:
        with registered.bundle(version) as folder:
            features = read_manifest(folder).fingerprint
            load_bundle(folder, features)
            text = "scores" if features == present else _scores_apart(registered, folder, present)
    except ModelError as error:
        return {"version": version, "ok": False, "text": str(error)}
    return {"version": version, "ok": True, "text": text}


def _scores_apart(registered: Registered, folder: Path, present: str) -> str:
    """Say of a version that it has other features than the champion, and whether a worker computes them."""
    said = f"scores, on features {read_manifest(folder).fingerprint}, not {present}"
    try:
        owner, _ = load_features(folder, registered.fleet)
    except ModelError as error:
        return f"{said}; no worker computes these: {error}"
    return said if owner is registered.fleet else f"{said}; its fleet file comes along"


def _online(registered: Registered, version: str) -> dict[str, Any] | None:
    """Return how a version fares in the shadow of the champion, None if no broker knows."""
    if not registered.has_topic(registered.topics.shadow):
        return None
    fares = asyncio.run(judge_shadow(registered.settings, registered.fleet, version))
    found: dict[str, Any] = msgspec.to_builtins(fares.pairing)
    return found
