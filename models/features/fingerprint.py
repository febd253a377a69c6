"""What of a fleet file a feature depends on: every key of it, but for those that are named here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from models.fleet.fleet import Fleet

# No feature depends on these. A key that is new in fleet files counts until it stands here.
_UNSEEN = frozenset(
    {
        "name",
        "asset",
        "asset_pattern",
        "outcome",
        "horizons_d",
        "alerting",
        "training",
        "advice.check",
        "advice.codes",
        "max_assets",  # what is admitted is not the business of features either
        "max_new_assets_per_hour",
        "inventory",
        "sampling.max_future_s",
        "sampling.silent_s",
        "sensors.label",
        "sensors.brick",
        "sensors.stuck_s",
        "sensors.max_per_minute",
        "sensors.resolution",
        "sensors.state",
        "derived.label",
        "derived.brick",
        "derived.resolution",
        "derived.state",
        "expectation.drivers",  # the surfaces that were fitted name their own
        "recording",  # as a gateway does, they make samples; what becomes of a sample is not their business
        "telemetry",
    }
)
# Whether a machine ran, how near it is to a trip, and what that speaks for, is asked for its residuals alone.
_OF_RESIDUALS = frozenset(
    {"running", "rules", "advice", "sampling.long_windows_s", "sampling.running_windows_s"}
)


def fingerprint(fleet: Fleet, names: Sequence[str], identity: str) -> str:
    """Return 16 hexadecimal digits over all that a feature vector depends on.

    Those are the ``names`` of its features, the fleet file as far as any of them depends on it, and the
    ``identity`` of the expectation.
    """
    text = "\n".join((*names, *settings(fleet), identity))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def settings(fleet: Fleet) -> list[str]:
    """Return ``key = value`` for every key that features depend on and that is not at its default."""
    unseen = _UNSEEN if fleet.expectation else _UNSEEN | _OF_RESIDUALS
    return [*_lines(fleet, "", unseen), *_rises(fleet)]


def _rises(fleet: Fleet) -> Iterator[str]:
    """Yield how fast counters rise at most: of a gauge nothing but a report depends on it."""
    for i, sensor in enumerate(fleet.sensors):
        if sensor.kind == "counter" and sensor.max_per_minute is not None:
            yield f"sensors[{i}].max_per_minute = {sensor.max_per_minute!r}"


def _lines(value: object, key: str, unseen: frozenset[str]) -> Iterator[str]:
    if is_dataclass(value):
        for field in fields(value):
            inner, below = f"{key}.{field.name}".lstrip("."), getattr(value, field.name)
            if re.sub(r"\[\d+\]", "", inner) not in unseen and below != _default(field):
                yield from _lines(below, inner, unseen)
    elif isinstance(value, tuple):
        for i, element in enumerate(value):
            yield from _lines(element, f"{key}[{i}]", unseen)
    else:
        yield f"{key} = {value!r}"


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
