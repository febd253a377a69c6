"""What windows are, by the fingerprint of their features: those of the fleet, or of a bundle that is here."""

from __future__ import annotations

from pathlib import Path

from models.errors import ModelError, UnavailableError
from models.features.expectation import Expectation, identity_of
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.registry.manifest import MANIFEST, load_features, read_manifest
from models.store.feature_store import StoredSchema, stored_schema


def schema_of(
    fingerprint: str, fleet: Fleet, bundles: Path
) -> tuple[StoredSchema, Expectation | None] | None:
    """Return the features of a fingerprint, None if neither the fleet nor any of the ``bundles`` has them.

    Raises UnavailableError if a bundle cannot be read, or there is none: it may be the one that has them.
    """
    plain = FeatureSchema(fleet)
    if fingerprint == plain.fingerprint:
        return stored_schema(plain), None
    unread = []
    for folder in _folders(bundles):
        try:
            if read_manifest(folder).fingerprint != fingerprint:
                continue
            owner, expectation = load_features(folder, fleet)
        except ModelError as error:
            unread.append(str(error))
        else:
            return stored_schema(FeatureSchema(owner, identity_of(expectation))), expectation
    if unread:
        raise UnavailableError(f"features {fingerprint}: {'; '.join(unread)}")
    return None


def _folders(bundles: Path) -> list[Path]:
    """Return the folders of bundles that are whole; none at all is a volume that is away."""
    try:
        found = [folder for folder in bundles.iterdir() if (folder / MANIFEST).exists()]
    except OSError as error:
        raise UnavailableError(f"{bundles}: {error.strerror}") from error
    if not found:
        raise UnavailableError(f"{bundles}: no bundle is there")
    return sorted(folder for folder in found if folder.suffix != ".partial")
