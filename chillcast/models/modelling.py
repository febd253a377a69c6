"""The models of a fleet, for the command line and for notebooks: register, compare, promote, roll back."""

from __future__ import annotations

import asyncio
import functools
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightgbm as lgb
import msgspec

from chillcast.models.entrants import Entrant, on_one_slice
from chillcast.models.learning import create_registry
from chillcast.models.packaging import write_context
from chillcast.models.shadowing import judge_shadow
from chillcast.pipeline.stages import feature_store, promotions_of
from chillcast.settings import Settings, read_settings
from models.errors import ModelError, UnavailableError
from models.features.expectation import Expectation, identity_of
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet, load_fleet
from models.registry.bundle import load_bundle, read_index, write_bundle
from models.registry.foreign_booster import adopt
from models.registry.gate import DEFAULT, Limits, Verdict, judge, judge_first
from models.registry.manifest import load_expectation, promoted_bundle, read_manifest
from models.registry.mlflow_registry import Registry, Version
from models.registry.promotion import CHALLENGER, CHAMPION, Promotion, Promotions, whoever
from models.risk.model_set import summary
from models.telemetry.samples import utc
from streams.champions.assignments import read_assignments
from streams.kafka.cluster import connected
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics
from streams.records import Assignment
from streams.wire import codec

_ANSWER_S = 10.0


class Models:
    """The registered models of one fleet."""

    def __init__(self, settings: Settings, fleet: Fleet, clock: Callable[[], float] = time.time) -> None:
        self.settings, self.fleet, self.clock = settings, fleet, clock

    @classmethod
    def open(cls, home: str | None = None, fleet: str | None = None) -> Models:
        """Return the models of a fleet, with the settings of the environment."""
        settings = read_settings(home=home, fleet=fleet)
        return cls(settings, load_fleet(settings.fleet_path))

    @functools.cached_property
    def registry(self) -> Registry:
        """The registry; it is reached when it is first needed."""
        return create_registry(self.settings)

    @property
    def promotions(self) -> Promotions:
        """What was promoted, and who is champion: needs no registry."""
        return promotions_of(self.settings, self.fleet)

    def versions(self) -> list[Version]:
        """Return every version, newest first."""
        return self.registry.versions(self.fleet.name)

    def show(self, version: str) -> dict[str, Any]:
        """Return all that is known of a version."""
        known = {v.version: v for v in self.versions()}
        with self._bundle(version) as folder:
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
            "tags": {k: v for k, v in sorted(found.tags.items()) if k not in ("sha256", "fingerprint")},
        }

    def register(
        self,
        model: str | Path | lgb.Booster,
        *,
        threshold: float | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> str:
        """Register a bundle's folder, a LightGBM model file, or a booster; return its version.

        A booster is given the features of the champion; without a ``threshold`` it gets the champion's.
        """
        if isinstance(model, (str, Path)) and Path(model).is_dir():
            return self.registry.register(self.fleet.name, Path(model))
        text, source = _text_of(model)
        expectation = self._expectation()
        schema = FeatureSchema(self.fleet, identity_of(expectation))
        adopted = adopt(text, schema, threshold=self._threshold() if threshold is None else threshold)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "bundle"
            lineage = {"source": source, "who": whoever(), "kind": "adopted"}
            write_bundle(
                folder, adopted, expectation, fleet=self.fleet.name, metrics=metrics or {}, lineage=lineage
            )
            load_bundle(folder, schema.fingerprint)
            return self.registry.register(self.fleet.name, folder)

    def gate(self, version: str) -> Verdict:
        """Hold a version against the champion, both on its own slice; as the first, against the rules."""
        champion = self.promotions.newest()
        limits = msgspec.structs.replace(DEFAULT, segment_shutdowns=self.settings.gate_segment_shutdowns)
        with self._bundle(version) as folder:
            newcomer = Entrant.load(version, folder)
            if champion is None:
                has_rules = bool(self.fleet.rules or self.fleet.training.rule)
                return judge_first(newcomer.evidence(), limits, has_rules=has_rules)
            if champion.version == version:
                return judge(newcomer.evidence(), None, limits)
            return self._held_against(
                Entrant.load(champion.version, self._promoted(champion)), newcomer, limits
            )

    def _held_against(self, champion: Entrant, newcomer: Entrant, limits: Limits) -> Verdict:
        store = feature_store(self.settings, self.fleet)
        try:
            new, old = on_one_slice(store, self.fleet, newcomer, champion)
        except ModelError as error:
            return judge(newcomer.evidence(), champion.evidence(), limits, apart=str(error))
        return judge(new, old, limits)

    def compare(self, version: str, other: str | None = None) -> dict[str, Any]:
        """Return the figures of two versions side by side, what the gate says, and the shadow."""
        other = other or self._champion().version
        with self._bundle(version) as one, self._bundle(other) as two:
            new, old = read_manifest(one).metrics, read_manifest(two).metrics
        names = sorted({*new, *old})
        verdict = self.gate(version)
        return {
            "versions": [version, other],
            "metrics": {name: [new.get(name), old.get(name)] for name in names},
            "gate": {"passed": verdict.passed, "checks": [check.text for check in verdict.checks]},
            "online": self._online(version),
        }

    def promote(
        self,
        version: str,
        *,
        reason: str,
        override: bool = False,
        shadow: bool = False,
        new_features: bool = False,
    ) -> dict[str, Any]:
        """Make a version the champion, or with ``shadow`` the challenger; return what was recorded.

        A champion has to pass the gate, or ``override`` is recorded with what speaks against it. Raises
        ModelError where the gate refuses it, where its features are not those that running workers compute
        (unless ``new_features``), or where somebody else promotes at the same time.
        """
        _check(reason)
        number = self.promotions.next_number
        self._check_features(version, new_features=new_features)
        objections = "" if shadow else self._objections(version, override=override)
        promotion = self.registry.promote(
            Promotion(
                fleet=self.fleet.name,
                version=version,
                role=CHALLENGER if shadow else CHAMPION,
                reason=reason,
                who=whoever(),
                promoted_ms=self._now_ms(),
                number=number,
                overridden=objections,
            )
        )
        return self._announced(promotion)

    def rollback(self, *, reason: str) -> dict[str, Any]:
        """Make the version before the champion the champion again; needs no registry.

        It was judged when it was promoted, and is not judged again. Where the registry is away it is told
        nothing, which the result says.
        """
        _check(reason)
        now = self._champion()
        before = [p for p in self.promotions.candidates() if p.version != now.version]
        if not before:
            raise ModelError(
                f"champion {now.version} of {self.fleet.name} is the first: there is none before it"
            )
        self._promoted(before[0])
        changes = {"reason": reason, "who": whoever(), "promoted_ms": self._now_ms(), "overridden": ""}
        promotion = msgspec.structs.replace(before[0], number=self.promotions.next_number, **changes)
        self.promotions.claim(promotion)
        self.promotions.enforce(CHAMPION)
        announced = self._announced(promotion)
        try:
            self.registry.mark(promotion)
        except UnavailableError as error:
            return {**announced, "registry": f"not told: {error}"}
        return announced

    def history(self) -> list[dict[str, Any]]:
        """Return every promotion, oldest first, and from which offsets it scored, where a broker knows."""
        begun: dict[int, dict[int, int]] = {}
        for partition, assignments in self._assignments().items():
            for assignment in assignments:
                begun.setdefault(assignment.number, {}).setdefault(partition, assignment.offset)
        return [
            {
                "number": p.number,
                "when": utc(p.promoted_ms),
                "role": p.role,
                "version": p.version,
                "who": p.who,
                "reason": p.reason,
                "overridden": p.overridden,
                "from": begun.get(p.number, {}),
            }
            for p in self.promotions.all()
        ]

    def verify(self, version: str | None = None) -> list[dict[str, Any]]:
        """Check a version, or all: hashes, indices, a score by another process, and whose features it has."""
        schema = FeatureSchema(self.fleet, identity_of(self._expectation()))
        return [
            self._verified(v, schema)
            for v in ([version] if version else [v.version for v in self.versions()])
        ]

    def package(self, version: str, out: Path) -> dict[str, Any]:
        """Write a container build context that holds the workers and this version."""
        promotion = Promotion(
            fleet=self.fleet.name,
            version=version,
            reason="packaged",
            who=whoever(),
            promoted_ms=self._now_ms(),
        )
        with self._bundle(version) as folder:
            load_bundle(folder, read_manifest(folder).fingerprint)
            write_context(out, self.fleet, folder, promotion)
        return {"version": version, "context": str(out)}

    def _verified(self, version: str, schema: FeatureSchema) -> dict[str, Any]:
        try:
            with self._bundle(version) as folder:
                manifest = read_manifest(folder)
                load_bundle(folder, manifest.fingerprint)
        except ModelError as error:
            return {"version": version, "ok": False, "text": str(error)}
        fits = manifest.fingerprint == schema.fingerprint
        text = "scores" if fits else f"scores, on features {manifest.fingerprint}, not {schema.fingerprint}"
        return {"version": version, "ok": True, "text": text}

    def _objections(self, version: str, *, override: bool) -> str:
        """Return what speaks against a version; each verdict stays with it as a tag of its own."""
        verdict = self.gate(version)
        announced = msgspec.json.encode(verdict).decode()
        self.registry.tag(self.fleet.name, version, f"gate.{self._now_ms()}", announced)
        if verdict.passed or override:
            return verdict.objections
        raise ModelError(
            f"version {version} does not pass the gate: {verdict.objections}; "
            "--override promotes it, and your --reason is recorded with that"
        )

    def _check_features(self, version: str, *, new_features: bool) -> None:
        champion = self.promotions.newest()
        if champion is None or new_features:
            return
        with self._bundle(version) as folder:
            wanted = read_manifest(folder).fingerprint
        present = read_manifest(self._promoted(champion)).fingerprint
        if wanted != present:
            raise ModelError(
                f"version {version} has features {wanted}, champion {champion.version} and running workers "
                f"have {present}: no worker would take it. Train with the champion's expectation; or stop "
                "the workers, promote with --new-features, and start them: they build the windows again"
            )

    def _announced(self, promotion: Promotion) -> dict[str, Any]:
        """Tell the workers; where the broker cannot, they find the pointer file within seconds."""
        heard = "by the pointer file"
        topic = Topics(self.settings.topic_prefix).promotions
        try:
            if self.settings.broker and self._has(topic):
                with Publisher(self.settings.connection, _ANSWER_S) as publisher:
                    publisher.send(0, codec.promotion(topic, promotion))
                heard = f"on topic {topic}"
        except UnavailableError as error:
            heard = f"by the pointer file; {error}"
        return {**msgspec.to_builtins(promotion), "heard": heard}

    def _online(self, version: str) -> dict[str, Any] | None:
        """Return how a version fares in the shadow of the champion, None where no broker knows."""
        if not self.settings.broker or not self._has(Topics(self.settings.topic_prefix).shadow):
            return None
        found: dict[str, Any] = msgspec.to_builtins(
            asyncio.run(judge_shadow(self.settings, self.fleet, version))
        )
        return found

    def _has(self, topic: str) -> bool:
        with connected(self.settings.connection) as cluster:
            return bool(cluster.partitions([topic]))

    def _assignments(self) -> dict[int, list[Assignment]]:
        topic = Topics(self.settings.topic_prefix).promotions
        if not self.settings.broker or not self._has(topic):
            return {}
        return asyncio.run(read_assignments(self.settings.connection, topic, self.settings.partitions))

    def _champion(self) -> Promotion:
        found = self.promotions.newest()
        if found is None:
            raise ModelError(f"{self.promotions.folder}: no champion yet: train and promote a model")
        return found

    def _promoted(self, promotion: Promotion) -> Path:
        return promoted_bundle(self.promotions.folder, promotion.version, promotion.sha256)

    def _expectation(self) -> Expectation | None:
        """Return what the champion's features are computed with."""
        if not self.fleet.expectation:
            return None
        return load_expectation(self._promoted(self._champion()))

    def _threshold(self) -> float:
        if self.promotions.newest() is None:
            raise ModelError("threshold: expected one, since there is no champion to take it from")
        return read_manifest(self._promoted(self._champion())).threshold

    def _now_ms(self) -> int:
        return int(self.clock() * 1000)

    @contextmanager
    def _bundle(self, version: str) -> Iterator[Path]:
        """Yield a version's bundle, as it was registered."""
        with tempfile.TemporaryDirectory() as scratch:
            yield self.registry.fetch(self.fleet.name, version, Path(scratch) / version)


def _check(reason: str) -> None:
    if not reason.strip():
        raise ModelError(f"reason {reason!r}: expected why, in words: it is recorded")


def _text_of(model: str | Path | lgb.Booster) -> tuple[str, str]:
    """Return the text of a booster, and where it comes from."""
    if isinstance(model, lgb.Booster):
        return model.model_to_string(), "a booster"
    try:
        return Path(model).read_text(encoding="utf-8"), Path(model).name
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{model}: expected a LightGBM model file or a bundle's folder ({error})") from error
