"""The registry: every model that was made, with its history, in MLflow. The only module that imports it."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from models.errors import ModelError, UnavailableError, shown
from models.registry.manifest import Manifest, bundle_sha256, read_manifest
from models.registry.promotion import CHAMPION, Promotion, Promotions, whoever
from models.telemetry.samples import utc

_LONGEST_TAG = 5000
_BATCH = 1000  # of metrics: a server of MLflow takes no more
_OPENED_S = 120.0
_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Version:
    """One registered model version; ``aliases`` are the roles that it has."""

    version: str
    sha256: str
    created_ms: int
    metrics: Mapping[str, float]
    aliases: tuple[str, ...]
    tags: Mapping[str, str]

    @property
    def is_champion(self) -> bool:
        """Whether the workers take it."""
        return CHAMPION in self.aliases


class Registry:
    """Registers bundles and promotes them; ``uri`` is any MLflow tracking server or ``sqlite:///…``.

    Bundles are kept under ``folder/artifacts`` with a sqlite registry, and by the server otherwise. Promotion
    copies the bundle to ``bundles/<fleet>/<version>``, records who promoted it and why, and points the
    workers at it.
    """

    def __init__(self, uri: str, folder: Path, bundles: Path) -> None:
        self.uri, self.folder, self.bundles = uri, folder, bundles
        folder.mkdir(parents=True, exist_ok=True)
        self._client = _client(uri)

    def register(self, fleet: str, bundle: Path, documents: Path | None = None) -> str:
        """Log a bundle as a run and register it as the next version of the fleet's model.

        Who does this, and when, stands with run and version: in the bundle it would make each one another. A
        folder of ``documents`` for people, report and card, is kept with the run.
        """
        manifest, who = read_manifest(bundle), whoever()
        with _available(self.uri):
            run = self._client.create_run(self._experiment(fleet), tags={"mlflow.user": who})
            run_id = run.info.run_id
            self._log(run, manifest)
            self._client.log_artifacts(run_id, str(bundle), "bundle")
            if documents is not None:
                self._client.log_artifacts(run_id, str(documents), "documents")
            self._client.set_terminated(run_id)
            self._ensure_model(fleet)
            source = f"{run.info.artifact_uri}/bundle"
            tags = {"who": who, "sha256": bundle_sha256(bundle), "fingerprint": manifest.fingerprint}
            version = self._client.create_model_version(fleet, source=source, run_id=run_id, tags=tags)
        return str(version.version)

    def promote(self, promotion: Promotion) -> Promotion:
        """Give a version its role and hand its bundle to the workers; return the promotion as recorded.

        Its hash is filled in here, and its number if it has none. Raises ModelError if the version does
        not exist, its bundle is not what was registered, or another promotion has the number already: what
        was looked at before this one was decided no longer holds.
        """
        fleet, version = promotion.fleet, promotion.version
        promotions = self.promotions(fleet)
        number = promotion.number or promotions.next_number
        bundle = self.fetch(fleet, version, promotions.folder / version)
        promotion = msgspec.structs.replace(promotion, number=number, sha256=bundle_sha256(bundle))
        promotions.claim(promotion)
        try:
            self.mark(promotion)
        except BaseException:
            # Also an operator's Ctrl-C: a claim that stays would be shown as what it never became.
            promotions.withdraw(promotion)
            raise
        promotions.enforce(promotion.role)
        return promotion

    def promotions(self, fleet: str) -> Promotions:
        """Return the promotions of a fleet."""
        return Promotions(self.bundles / fleet)

    def fetch(self, fleet: str, version: str, target: Path) -> Path:
        """Copy a version's bundle to ``target``; raises ModelError if it is not what was registered."""
        record = self._record(fleet, version)
        with tempfile.TemporaryDirectory() as scratch:
            _copy(self._fetched(record, scratch), target)
        return target

    def tag(self, fleet: str, version: str, key: str, value: str) -> None:
        """Write a tag on a version."""
        with _available(self.uri):
            self._client.set_model_version_tag(fleet, version, key, value[:_LONGEST_TAG])

    def mark(self, promotion: Promotion) -> None:
        """Let MLflow show a promotion: an alias, and a tag of its own on the version."""
        fleet, version = promotion.fleet, promotion.version
        last = self.promotions(fleet).last(promotion.role) or promotion
        word = f"{utc(promotion.promoted_ms)} {promotion.role}, {promotion.who}: {promotion.reason}"
        with _available(self.uri):
            self._client.set_registered_model_alias(fleet, promotion.role, last.version)
            self._client.set_model_version_tag(
                fleet, version, f"promotion.{promotion.number:05d}", word[:_LONGEST_TAG]
            )

    def aliases(self, fleet: str) -> dict[str, str]:
        """Return which version each alias of a fleet's model names, whoever has set it."""
        with _available(self.uri):
            model = self._model(fleet)
        return {alias: str(version) for alias, version in model.aliases.items()} if model else {}

    def _log(self, run: Any, manifest: Manifest) -> None:
        """Log metrics and lineage, many at a time: a transaction for each would take seconds."""
        from mlflow.entities import Metric, Param  # noqa: PLC0415  (optional, and slow)

        metrics = [Metric(k, value, run.info.start_time, 0) for k, value in manifest.metrics.items()]
        lineage = {**manifest.lineage, "threshold": f"{manifest.threshold:.6g}"}
        self._client.log_batch(run.info.run_id, params=[Param(k, text) for k, text in lineage.items()])
        for first in range(0, len(metrics), _BATCH):
            self._client.log_batch(run.info.run_id, metrics=metrics[first : first + _BATCH])

    def _fetched(self, record: Any, scratch: str) -> Path:
        """Return a version's bundle, verified before it replaces anything."""
        with _available(self.uri):
            fetched = Path(self._client.download_artifacts(record.run_id, "bundle", scratch))
        if bundle_sha256(fetched) != record.tags.get("sha256", ""):
            raise ModelError(
                f"registry {shown(self.uri)}: not the bundle that was registered as version {record.version}"
            )
        read_manifest(fetched)
        return fetched

    def versions(self, fleet: str) -> list[Version]:
        """Return every version of a fleet's model, newest first."""
        with _available(self.uri):
            found = self._client.search_model_versions(f"name='{fleet}'")
            metrics = {v.version: self._client.get_run(v.run_id).data.metrics for v in found}
        aliases = self.aliases(fleet)
        newest_first = sorted(found, key=lambda v: -int(v.version))
        return [_version(v, metrics[v.version], aliases) for v in newest_first]

    def _experiment(self, fleet: str) -> str:
        found = self._client.get_experiment_by_name(fleet)
        if found is not None:
            return str(found.experiment_id)
        local = self.uri.startswith("sqlite:")
        location = (self.folder / "artifacts").resolve().as_uri() if local else None
        return str(self._client.create_experiment(fleet, artifact_location=location))

    def _model(self, fleet: str) -> Any:
        found = self._client.search_registered_models(f"name='{fleet}'")
        return found[0] if found else None

    def _ensure_model(self, fleet: str) -> None:
        if self._model(fleet) is None:
            self._client.create_registered_model(fleet)

    def _record(self, fleet: str, version: str) -> Any:
        with _available(self.uri):
            found = self._client.search_model_versions(f"name='{fleet}'")
        for record in found:
            if str(record.version) == version:
                return record
        there = ", ".join(sorted((str(v.version) for v in found), key=int)) or "none"
        raise ModelError(f"version {version!r} of model {fleet}: expected one of {there}")


def _version(record: Any, metrics: Mapping[str, float], aliases: Mapping[str, str]) -> Version:
    number = str(record.version)
    own = tuple(sorted(alias for alias, version in aliases.items() if version == number))
    created_ms, sha256 = int(record.creation_timestamp), record.tags.get("sha256", "")
    return Version(number, sha256, created_ms, metrics, own, dict(record.tags))


def _copy(source: Path, target: Path) -> None:
    """Copy a bundle; the target appears whole or not at all, and only a copy that was spoilt is replaced."""
    if target.exists() and _is_whole(target) and bundle_sha256(target) == bundle_sha256(source):
        return
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial)
    shutil.rmtree(target, ignore_errors=True)
    partial.replace(target)


def _is_whole(bundle: Path) -> bool:
    try:
        read_manifest(bundle)
    except ModelError:
        return False
    return True


def _client(uri: str) -> Any:
    """Return an MLflow client; the import takes seconds, so it happens only if a registry is used."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    # MLflow's own defaults let a command stand still for minutes before it says that a server is away.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        from mlflow.tracking import MlflowClient  # noqa: PLC0415  (optional, and slow)
    except ImportError as error:
        raise ModelError(f"MLflow is not installed ({error}): pip install 'chillcast[registry]'") from error
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with _available(uri), _alone(uri):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextlib.contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Wait for other processes that open a database: MLflow makes its tables then, and two would collide."""
    if not uri.startswith(_SQLITE):
        yield
        return
    path = uri.removeprefix(_SQLITE).partition("?")[0]
    try:
        with FileLock(f"{path}.lock", timeout=_OPENED_S):
            yield
    except Timeout as error:
        raise UnavailableError(
            f"registry {uri}: another process holds {path}.lock since {_OPENED_S:g} s"
        ) from error


@contextlib.contextmanager
def _available(uri: str) -> Iterator[None]:
    """Turn whatever MLflow and the database below it raise into an error that names the registry."""
    from alembic.util import CommandError  # noqa: PLC0415  (optional, and slow)
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  (optional, and slow)
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  (optional, and slow)

    try:
        yield
    except (MlflowException, SQLAlchemyError, CommandError, OSError) as error:
        words = next(iter(str(error).splitlines()), type(error).__name__).replace(uri, shown(uri))
        raise UnavailableError(f"registry {shown(uri)}: {words}") from error
