"""The models of a fleet, for the command line and for notebooks: register, compare, promote, roll back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightgbm as lgb

from chillcast.models import aliases, gating, importing, packaging, promoting, queries
from chillcast.models.promoting import Wish
from chillcast.models.registered import Registered
from chillcast.resources import Resources
from chillcast.terminal.person import by_terminal
from models.registry.gate import Verdict
from models.registry.mlflow_registry import Version
from streams.access.roles import Person


class Models(Registered):
    """The registered models of one fleet, and all that can be done with them."""

    @classmethod
    def open(cls, home: str | None = None, fleet: str | None = None) -> Models:
        """Return the models of a fleet, with the settings of the environment."""
        return cls(Resources.open(home=home, fleet=fleet))

    def versions(self) -> list[Version]:
        """Return every version, newest first."""
        return queries.versions(self)

    def strayed(self) -> list[str]:
        """Return what aliases in MLflow say that was not promoted; nobody obeys them."""
        return list(aliases.strayed(self).values())

    def show(self, version: str) -> dict[str, Any]:
        """Return all that is known of a version."""
        return queries.show(self, version)

    def compare(self, version: str, other: str | None = None) -> dict[str, Any]:
        """Return the figures of two versions side by side, what the gate says, and the shadow."""
        return queries.compare(self, version, other)

    def history(self) -> list[dict[str, Any]]:
        """Return every promotion, oldest first, and from which offsets it scored, if a broker knows."""
        return queries.history(self)

    def verify(self, version: str | None = None) -> list[dict[str, Any]]:
        """Check a version, or all: hashes, indices, a score by another process, and whose features it has."""
        return queries.verify(self, version)

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
        given = "of a booster" if isinstance(model, lgb.Booster) else f"of file {model}"
        about = f"model {given} of {self.fleet.name}"
        with self.resources.audit.recording(by_terminal(), "register model", about) as said:
            version = importing.register(self, model, threshold=threshold, metrics=metrics or {})
            said(f"version {version} of {self.fleet.name}")
        return version

    def gate(self, version: str) -> Verdict:
        """Hold a version against the champion, both on its own slice; as the first, against the rules."""
        return gating.gate(self, version)

    def promote(
        self,
        version: str,
        *,
        reason: str,
        override: bool = False,
        shadow: bool = False,
        new_features: bool = False,
        by: Person | None = None,
    ) -> dict[str, Any]:
        """Make a version the champion, or with ``shadow`` the challenger; return what was recorded.

        Raises ModelError if the gate refuses it and there is no ``override``, if no worker can compute its
        features, if it has others than the champion and was not in the shadow with them (unless
        ``new_features``), or if somebody promotes at the same time. It is on record that it was asked ``by``
        somebody, who uses this terminal if nobody is named.
        """
        who = by or by_terminal()
        wish = Wish(version, reason, who, override=override, shadow=shadow, new_features=new_features)
        return promoting.promote(self, wish)

    def rollback(self, *, reason: str, by: Person | None = None) -> dict[str, Any]:
        """Make the version before the champion the champion again; needs no registry."""
        return promoting.roll_back(self, reason=reason, by=by or by_terminal())

    def package(self, version: str, out: Path) -> dict[str, Any]:
        """Write a container build context that holds the workers and this version."""
        return packaging.package(self, version, out)
