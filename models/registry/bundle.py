"""A bundle: the folder in which a model reaches the workers. Text and JSON, verified before it is loaded."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm as lgb
import msgspec
import numpy as np

from models.errors import ModelError
from models.features.expectation import Expectation, to_json
from models.fleet.config import table_json
from models.fleet.fleet import Fleet
from models.registry.manifest import (
    BOOSTER,
    CAUSES,
    EXPECTATION,
    FLEET,
    FORMAT,
    MANIFEST,
    PACK,
    SEGMENTS,
    Causes,
    Manifest,
    Parameters,
    bundle_sha256,
    file_sha256,
    foreign,
    read_bytes,
    read_manifest,
)
from models.registry.smoke import smoke_test
from models.risk.booster import check_booster
from models.risk.causes import CauseModel
from models.risk.hazard import RiskModel, restore
from models.risk.model_set import NO_SEGMENTS, Index, ModelSet
from models.risk.pack import Pack, Recent

_scored: set[str] = set()  # SHA-256 of the bundles that another process has scored


def write_bundle(
    folder: Path,
    given: RiskModel | ModelSet,
    expectation: Expectation | None,
    *,
    fleet: str | Fleet,
    metrics: Mapping[str, float],
    lineage: Mapping[str, str],
) -> str:
    """Write a model set as a bundle and return the bundle's SHA-256; the folder appears whole or not at all.

    A model alone is a set without segments. With the whole ``fleet`` that it learnt by, and not its name
    alone, a bundle brings its features along, to workers that have another fleet file.
    """
    models = given if isinstance(given, ModelSet) else ModelSet(given)
    files, name = _texts(models, expectation), fleet if isinstance(fleet, str) else fleet.name
    if isinstance(fleet, Fleet):
        files[FLEET] = table_json(fleet) + b"\n"
    packs = {} if models.pack is None else {PACK: models.pack.path}
    about = {"fleet": name, "metrics": dict(metrics), "lineage": dict(lineage)}
    manifest = _manifest(models.fleet, _sums(files, packs), about)
    text = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"
    _write_whole(folder, {**files, MANIFEST: text}, packs)
    return hashlib.sha256(text).hexdigest()


def _sums(files: Mapping[str, bytes], packs: Mapping[str, Path]) -> dict[str, str]:
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    return sums | {name: file_sha256(path) for name, path in packs.items()}


def _manifest(model: RiskModel, sums: dict[str, str], about: Mapping[str, Any]) -> Manifest:
    """Return the manifest of a model and its files, with what is known ``about`` it."""
    return Manifest(
        format=FORMAT,
        **about,
        fingerprint=model.fingerprint,
        feature_names=model.feature_names,
        horizons_d=model.horizons_d,
        threshold=model.threshold,
        parameters=msgspec.convert(model.parameters(), Parameters),
        files=sums,
        causes=_described(model.causes),
        span=model.span,
    )


def _texts(models: ModelSet, expectation: Expectation | None) -> dict[str, bytes]:
    """Return the files of a bundle by name, but for the pack and the manifest."""
    model = models.fleet
    files = {BOOSTER: model.booster.model_to_string().encode()}
    if model.causes is not None:
        files[CAUSES] = model.causes.booster.model_to_string().encode()
    if expectation is not None:
        files[EXPECTATION] = to_json(expectation)
    if models.pack is not None:
        files[SEGMENTS] = msgspec.json.encode(models.index, order="deterministic") + b"\n"
    return files


def _described(causes: CauseModel | None) -> Causes | None:
    if causes is None:
        return None
    columns = tuple(causes.columns.tolist())
    return Causes(codes=causes.codes, columns=columns, temperature=causes.temperature)


def _write_whole(folder: Path, files: Mapping[str, bytes], copies: Mapping[str, Path]) -> None:
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, data in files.items():
        (partial / name).write_bytes(data)
    for name, path in copies.items():
        shutil.copyfile(path, partial / name)
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)


def load_bundle(
    folder: Path, fingerprint: str, *, smoke: bool = True, recent: Recent | None = None
) -> ModelSet:
    """Load a bundle that was trained on the feature schema with the given fingerprint.

    Hashes, schema and structure are checked first, then another process loads and scores every model of it:
    LightGBM's text loader is not memory-safe, and a crash there must not take a worker along. A bundle with
    the same SHA-256 as one that has scored is not scored again. Models of segments are loaded when they
    score, and held in ``recent``. Raises ModelError.
    """
    manifest, digest = read_manifest(folder), bundle_sha256(folder)
    if manifest.fingerprint != fingerprint:
        raise ModelError(foreign(folder, manifest.fingerprint, fingerprint))
    text = _text(folder / BOOSTER)
    parameters = manifest.parameters
    check_booster(text, len(parameters.columns) + (parameters.spread_d is None))
    if (causes := manifest.causes) is not None:
        check_booster(_text(folder / CAUSES), len(causes.columns), outputs=len(causes.codes), name=CAUSES)
    if smoke and digest not in _scored:
        smoke_test(folder, len(_index(folder, manifest).members))
        _scored.add(digest)
    models = restored(folder, manifest)
    return models if recent is None else replace(models, recent=recent)


def read_index(folder: Path) -> Index:
    """Return what a bundle knows of its segments: nothing if it has none."""
    return _index(folder, read_manifest(folder))


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: not UTF-8 text: {error}") from error


def _index(folder: Path, manifest: Manifest) -> Index:
    """Read and check the index of the segments."""
    if SEGMENTS not in manifest.files:
        return NO_SEGMENTS
    path, horizons = folder / SEGMENTS, len(manifest.horizons_d)
    try:
        index = msgspec.json.decode(read_bytes(path), type=Index)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not an index: {error}") from error
    for machine, name in index.routes.items():
        if name not in index.members:
            raise ModelError(
                f"{path}: routes: {machine}: {name}: expected one of its {len(index.members)} members"
            )
    for level, lines in index.lines.items():
        if len(lines) not in (0, horizons):
            raise ModelError(f"{path}: lines: {level}: {len(lines)}: expected {horizons}, one per horizon")
    return index


def restored(folder: Path, manifest: Manifest) -> ModelSet:
    """Rebuild the set of a verified bundle; models of its segments are loaded when they are needed."""
    index = _index(folder, manifest)
    pack = Pack(folder / PACK, index.members) if index is not NO_SEGMENTS else None
    return ModelSet(_restored_fleet(folder, manifest), index, pack)


def _restored_fleet(folder: Path, manifest: Manifest) -> RiskModel:
    """Rebuild the fleet's model, whose texts have been checked."""
    model = restore(
        _text(folder / BOOSTER),
        parameters=msgspec.structs.asdict(manifest.parameters),
        feature_names=manifest.feature_names,
        fingerprint=manifest.fingerprint,
        horizons_d=manifest.horizons_d,
        threshold=manifest.threshold,
    )
    causes = _restored_causes(folder, manifest.causes) if manifest.causes else None
    return replace(model, causes=causes, span=manifest.span)


def _restored_causes(folder: Path, causes: Causes) -> CauseModel:
    booster = lgb.Booster(model_str=_text(folder / CAUSES))
    return CauseModel(booster, causes.codes, np.array(causes.columns, np.int64), causes.temperature)
