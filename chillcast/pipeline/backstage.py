"""Whom the page asks about models and the pipeline."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from kafka.errors import KafkaError

from chillcast.pipeline import dead_letters
from chillcast.pipeline.pipeline import STAGES
from chillcast.resources import Resources
from models.errors import ModelError, UnavailableError
from models.registry.manifest import read_manifest
from models.registry.promotion import Promotion
from streams.kafka.cluster import Cluster
from streams.kafka.topics import Topics, admin_client
from streams.page.backstage import Backstage

_LETTER_BYTES = 4_000
_ANSWER_S = 3.0


def backstage_of(resources: Resources) -> Backstage:
    """Return who is asked, as far as there is a broker; a page that only shows sends nothing again."""
    settings, promotions = resources.settings, resources.promotions
    manifest = _manifest_reader(resources)
    if not settings.broker:
        return Backstage(promotions.all, manifest)

    def letters() -> Sequence[dict[str, Any]]:
        return dead_letters.by_reason(settings)

    def letter(place: str) -> dict[str, Any] | None:
        found = dead_letters.read_letter(settings, place)
        if found is None:
            return None
        told = dead_letters.look_into(found)
        return {**told, "payload": told["payload"][:_LETTER_BYTES]}

    def redrive(reason: str) -> dict[str, int]:
        return dead_letters.redrive(settings, reason)

    may_redrive = settings.page_writes != "nobody"
    return Backstage(
        promotions.all,
        manifest,
        functools.partial(_lag, resources),
        letters,
        letter,
        redrive if may_redrive else None,
    )


def _manifest_reader(resources: Resources) -> Callable[[Promotion], dict[str, Any]]:
    folder = resources.promotions.folder

    @functools.lru_cache(maxsize=8)
    def told(version: str, _: str) -> dict[str, Any]:
        try:
            manifest = read_manifest(folder / version)
        except ModelError as error:
            return {"problem": str(error)}
        return {
            "threshold": manifest.threshold,
            "metrics": manifest.metrics,
            "lineage": manifest.lineage,
        }

    return lambda promotion: told(promotion.version, promotion.sha256)


def _lag(resources: Resources) -> list[dict[str, Any]]:
    """Return how far the group of each stage is behind."""
    settings = resources.settings
    topics = Topics(settings.topic_prefix)
    try:
        with admin_client(settings.connection, _ANSWER_S) as admin:
            cluster = Cluster(admin, settings.broker)
            found = [(stage, cluster.group(topics.group(stage))) for stage in STAGES]
    except KafkaError as error:
        raise UnavailableError(f"{settings.connection} does not answer ({type(error).__name__})") from error
    return [
        {"stage": stage, "begun": status.committed, "lag": status.lag, "state": status.state or "none"}
        for stage, status in found
    ]
