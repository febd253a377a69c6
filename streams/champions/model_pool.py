"""The models that the workers may score with: verified, in memory, and renewed when another is promoted."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol
from weakref import WeakValueDictionary

from models.errors import ModelError
from models.features.expectation import Expectation, identity_of
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.registry.bundle import load_bundle
from models.registry.manifest import load_features, promoted_bundle
from models.registry.promotion import CHALLENGER, CHAMPION, Promotion, Promotions, Role
from models.risk.model_set import MEMORY_BYTES, ModelSet
from models.risk.pack import Recent
from streams.alarms import alarm
from streams.records import Assignment

log = logging.getLogger(__name__)

ROLES: tuple[Role, ...] = (CHAMPION, CHALLENGER)
_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Candidate:
    """A version that has passed every check; ``number`` is that of the promotion which brought it here.

    ``schema`` is that of its features, None if they are those that a worker began with.
    """

    version: str
    sha256: str
    models: ModelSet
    expectation: Expectation | None = None
    number: int = 0
    schema: FeatureSchema | None = None

    def is_of(self, assignment: Assignment | Promotion) -> bool:
        """Return whether an assignment, or a promotion, is this very bundle's."""
        return (self.version, self.sha256) == (assignment.version, assignment.sha256)

    def begins(self, role: Role, offset: int) -> Assignment:
        """Return the record of a role that it has from ``offset`` on."""
        return Assignment(
            role=role,
            version=self.version,
            sha256=self.sha256,
            offset=offset,
            number=self.number,
            fingerprint=self.schema.fingerprint if self.schema else "",
        )


class ModelPool(Protocol):
    """What a stage asks for models."""

    def candidate(self, assignment: Assignment) -> Candidate | None:
        """Return the version of an assignment; if it is lost, who has the role now."""

    def ready(self, role: Role) -> Candidate | None:
        """Return who is to have a role from the next batch on."""


class PromotedModels:
    """The models of one worker, shared by its partitions.

    Each is of the features that its bundle says; ``schema`` is that of the newest champion that passes. One
    that was promoted after it and does not pass is an alarm, and leaves the last good one in place. One that
    is not ready any more is let go once no partition scores with it, and loaded again if one has to. Models
    of segments, whichever version's, share ``memory_bytes``. Raises ModelError if no champion passes.
    """

    def __init__(
        self,
        promotions: Promotions,
        fleet: Fleet,
        *,
        raise_alarm: Callable[[str], None] = alarm,
        clock: Callable[[], float] = time.monotonic,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.recent = Recent(memory_bytes)
        self.promotions, self.fleet, self.raise_alarm, self.clock = promotions, fleet, raise_alarm, clock
        self._loaded = WeakValueDictionary[tuple[str, str], Candidate]()
        self._ready: dict[Role, Candidate] = {}
        self._refused: dict[Role, tuple[Promotion, float]] = {}
        self._loading = threading.Lock()
        for promotion in promotions.candidates():
            self.consider(promotion)
            champion = self._ready.get(CHAMPION)
            if champion is not None and champion.schema is not None:
                self.schema = champion.schema
                return
        raise ModelError(f"{promotions.folder}: none of the versions that were promoted can score")

    def ready(self, role: Role) -> Candidate | None:
        """Return who is to have a role from the next batch on."""
        return self._ready.get(role)

    def candidate(self, assignment: Assignment) -> Candidate | None:
        """Return the version of an assignment; if it is lost, say so and return who has the role now."""
        try:
            return self._load(assignment.version, assignment.sha256)
        except ModelError as error:
            now = self._ready.get(assignment.role)
            place = f"version {now.version} takes its place" if now else "nothing takes its place"
            self.raise_alarm(
                f"{assignment.role} {assignment.version}, which scored before, is of no use: {error}; {place}"
            )
            return now

    def consider(self, promotion: Promotion) -> None:
        """Make what was promoted ready, once it has passed; one that does not is tried again each minute."""
        role, now = promotion.role, self._ready.get(promotion.role)
        if now is not None and now.is_of(promotion):
            return
        before, due_s = self._refused.get(role, (None, 0.0))
        if before == promotion and self.clock() < due_s:
            return
        try:
            found = replace(self._load(promotion.version, promotion.sha256), number=promotion.number)
            self._ready[role] = self._loaded[found.version, found.sha256] = found
        except ModelError as error:
            self._refused[role] = (promotion, self.clock() + _AGAIN_S)
            stays = f"version {now.version} stays" if now else "nobody has the role yet"
            self.raise_alarm(f"{role} {promotion.version} was promoted and is refused: {error}; {stays}")
        else:
            log.warning("%s %s is ready", role, promotion.version)

    def _load(self, version: str, sha256: str) -> Candidate:
        """Return a version, verified; another process has scored it before it is loaded into this one."""
        found = self._loaded.get((version, sha256))
        if found is None:
            with self._loading:
                found = self._loaded[version, sha256] = self._verified(version, sha256)
        return found

    def _verified(self, version: str, sha256: str) -> Candidate:
        folder = promoted_bundle(self.promotions.folder, version, sha256)
        fleet, expectation = load_features(folder, self.fleet)
        schema = FeatureSchema(fleet, identity_of(expectation))
        models = load_bundle(folder, schema.fingerprint, recent=self.recent)
        if models.fleet.horizons_d != self.fleet.horizons_d:
            found, expected = list(models.fleet.horizons_d), list(self.fleet.horizons_d)
            raise ModelError(f"{folder}: horizons {found}: expected {expected}")
        return Candidate(version, sha256, models, expectation, schema=schema)
