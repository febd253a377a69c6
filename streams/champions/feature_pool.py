"""Which features the workers may compute: those of what is promoted, verified, and renewed as it changes."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, get_args

from cachetools import LRUCache

from models.errors import ModelError
from models.features.expectation import Expectation, identity_of
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.registry.manifest import load_features, promoted_bundle
from models.registry.promotion import CHAMPION, Promotion, Promotions, Role
from streams.alarms import alarm
from streams.records import Assignment, Computed

_AGAIN_S = 60.0
_KEPT = 3  # beside who has a role: an expectation knows every machine


@dataclass(frozen=True)
class Features:
    """All that features depend on, and whose they are; no version: the fleet file's alone."""

    fleet: Fleet
    expectation: Expectation | None = None
    version: str = ""
    sha256: str = ""

    @functools.cached_property
    def fingerprint(self) -> str:
        """Identity of the vector."""
        return FeatureSchema(self.fleet, identity_of(self.expectation)).fingerprint

    def begins(self, since: int, since_ms: int) -> Computed:
        """Return the record of their being computed from a message on."""
        return Computed(
            version=self.version,
            sha256=self.sha256,
            fingerprint=self.fingerprint,
            since=since,
            since_ms=since_ms,
        )


class FeaturePool(Protocol):
    """What a stage asks for features."""

    def first(self) -> Features:
        """Return those with which a partition begins of which nothing is recorded."""

    def recorded(self, computed: Computed) -> Features:
        """Return those of a record; raises ModelError if they cannot be had any more."""

    def fleet_of(self, computed: Computed) -> Fleet:
        """Return the fleet file of a record; raises ModelError if it was never read and cannot be."""

    def promoted(self, role: Role) -> Features | None:
        """Return those of the last version in a role that could be had, None if there was none."""

    def is_known(self, role: Role) -> bool:
        """Return whether that is the last word: nothing newer is refused, or was not looked at so far."""

    def scoring(self, partition: int) -> str:
        """Return the fingerprint of who is to score a partition's windows, empty if nobody knows."""


class PromotedFeatures:
    """The features of one worker, shared by its partitions; needs no more of a bundle than its texts.

    It begins with what the pointers say, and if the champion's features cannot be had with those of an
    earlier one. What is refused is an alarm, and tried again each minute.
    """

    def __init__(
        self,
        promotions: Promotions,
        fleet: Fleet,
        *,
        raise_alarm: Callable[[str], None] = alarm,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.promotions, self.fleet, self.raise_alarm, self.clock = promotions, fleet, raise_alarm, clock
        self._loaded: LRUCache[tuple[str, str], Features] = LRUCache(_KEPT)
        self._fleets: dict[str, Fleet] = {}  # by fingerprint; most are one and the same
        self._promoted: dict[Role, Features] = {}
        self._refused: dict[Role, tuple[Promotion, float]] = {}
        self._scoring: dict[int, Assignment] = {}
        self._loading = threading.Lock()
        self._vacant: set[Role] = set()
        for role in get_args(Role):
            self._look(role)
        self._begun = self._promoted.get(CHAMPION) or self._earlier()

    def first(self) -> Features:
        """Return those with which a partition begins of which nothing is recorded."""
        return self._promoted.get(CHAMPION, self._begun)

    def recorded(self, computed: Computed) -> Features:
        """Return those of a record; raises ModelError if they cannot be had any more."""
        for known in (self._begun, *self._promoted.values()):
            if known.fingerprint == computed.fingerprint:
                return known
        found = self._load(computed.version, computed.sha256) if computed.version else Features(self.fleet)
        if found.fingerprint != computed.fingerprint:
            now = f"now they are {found.fingerprint}"
            raise ModelError(f"features {computed.fingerprint} of {computed.version or 'the fleet'}: {now}")
        return found

    def fleet_of(self, computed: Computed) -> Fleet:
        """Return the fleet file of a record; raises ModelError if it was never read and cannot be."""
        found = self._fleets.get(computed.fingerprint)
        if found is None:
            found = self.recorded(computed).fleet
            found = next((one for one in self._fleets.values() if one == found), found)
            self._fleets[computed.fingerprint] = found
        return found

    def promoted(self, role: Role) -> Features | None:
        """Return those of the last version in a role that could be had, None if there was none."""
        return self._promoted.get(role)

    def is_known(self, role: Role) -> bool:
        """Return whether that is the last word: nothing newer is refused, or was not looked at so far."""
        return role not in self._refused and (role in self._promoted or role in self._vacant)

    def scoring(self, partition: int) -> str:
        """Return the fingerprint of who is to score a partition's windows, empty if nobody knows."""
        found = self._scoring.get(partition)
        return found.fingerprint if found else ""

    def assigned(self, partition: int, assignment: Assignment) -> None:
        """Learn that a partition's windows are scored by a version, once they have its features."""
        known = self._scoring.get(partition)
        if assignment.role == CHAMPION and (known is None or assignment.offset >= known.offset):
            self._scoring[partition] = assignment

    def consider(self, promotion: Promotion) -> None:
        """Take the features of what was promoted; what cannot be had is an alarm, and tried again."""
        role = promotion.role
        now = self._promoted.get(role)
        if now is not None and (now.version, now.sha256) == (promotion.version, promotion.sha256):
            self._refused.pop(role, None)
            return
        before, due_s = self._refused.get(role, (None, 0.0))
        if before == promotion and self.clock() < due_s:
            return
        try:
            self._promoted[role] = self._load(promotion.version, promotion.sha256)
            self._refused.pop(role, None)
        except ModelError as error:
            self._refused[role] = promotion, self.clock() + _AGAIN_S
            self.raise_alarm(f"{role} {promotion.version}: its features are not computed: {error}")

    def _look(self, role: Role) -> None:
        """Take the features of whom a pointer names; what is none is an alarm."""
        try:
            promotion = self.promotions.newest(role)
        except ModelError as error:
            self.raise_alarm(str(error))
            return
        if promotion is None:
            self._vacant.add(role)
        else:
            self.consider(promotion)

    def _earlier(self) -> Features:
        """Return the features of the newest champion that can be had, else those of the fleet file."""
        for promotion in self.promotions.candidates():
            with contextlib.suppress(ModelError):
                return self._load(promotion.version, promotion.sha256)
        if self.fleet.expectation:
            folder = self.promotions.folder
            raise ModelError(f"{folder}: no champion that can be used: train and promote a model")
        return Features(self.fleet)

    def _load(self, version: str, sha256: str) -> Features:
        with self._loading:
            found = self._loaded.get((version, sha256))
            if found is None:
                folder = promoted_bundle(self.promotions.folder, version, sha256)
                fleet, expectation = load_features(folder, self.fleet)
                found = self._loaded[version, sha256] = Features(fleet, expectation, version, sha256)
        return found
