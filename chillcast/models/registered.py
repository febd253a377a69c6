"""The registered models of one fleet: where they are, and who is champion."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chillcast.resources import Resources
from chillcast.settings import Settings
from models.errors import ModelError
from models.features.expectation import Expectation
from models.fleet.fleet import Fleet
from models.registry.manifest import load_expectation, promoted_bundle
from models.registry.mlflow_registry import Registry
from models.registry.promotion import Promotion, Promotions
from streams.kafka.cluster import connected
from streams.kafka.topics import Topics


@dataclass(frozen=True)
class Registered:
    """The registry of a fleet's models and its promotions, as queries, imports and promotions need them."""

    resources: Resources

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.resources.settings

    @property
    def fleet(self) -> Fleet:
        """The fleet."""
        return self.resources.fleet

    @property
    def registry(self) -> Registry:
        """The registry; it is reached when it is first needed."""
        return self.resources.registry

    @property
    def promotions(self) -> Promotions:
        """What was promoted, and who is champion: needs no registry."""
        return self.resources.promotions

    @property
    def topics(self) -> Topics:
        """The topics by their full names."""
        return Topics(self.settings.topic_prefix)

    def champion(self) -> Promotion:
        """Return the promotion of the champion; ModelError if there is none yet."""
        found = self.promotions.newest()
        if found is None:
            raise ModelError(f"{self.promotions.folder}: no champion yet: train and promote a model")
        return found

    def promoted_folder(self, promotion: Promotion) -> Path:
        """Return the bundle that was promoted; ModelError if it is another by now."""
        return promoted_bundle(self.promotions.folder, promotion.version, promotion.sha256)

    def expectation(self) -> Expectation | None:
        """Return what the champion's features are computed with; None for a fleet without one."""
        if not self.fleet.expectation:
            return None
        return load_expectation(self.promoted_folder(self.champion()))

    @contextmanager
    def bundle(self, version: str) -> Iterator[Path]:
        """Yield a version's bundle, as it was registered."""
        with tempfile.TemporaryDirectory() as scratch:
            yield self.registry.fetch(self.fleet.name, version, Path(scratch) / version)

    def has_topic(self, topic: str) -> bool:
        """Return whether a broker is configured and has the topic."""
        if not self.settings.broker:
            return False
        with connected(self.settings.connection) as cluster:
            return bool(cluster.partitions([topic]))
