"""Making a version the champion or the challenger, and going back to the champion before it."""

from __future__ import annotations

from typing import Any

import msgspec

from chillcast.models.gating import gate
from chillcast.models.registered import Registered
from models.errors import ModelError, UnavailableError
from models.registry.manifest import read_manifest
from models.registry.promotion import CHALLENGER, CHAMPION, Promotion, whoever
from streams.kafka.publisher import Publisher
from streams.wire import codec

_ANSWER_S = 10.0


def promote(
    registered: Registered,
    version: str,
    *,
    reason: str,
    override: bool,
    shadow: bool,
    new_features: bool,
) -> dict[str, Any]:
    """Make a version the champion, or with ``shadow`` the challenger; return what was recorded.

    A champion has to pass the gate, or ``override`` is recorded with what speaks against it. Raises
    ModelError if the gate refuses it, if its features are not those that running workers compute (unless
    ``new_features``), or if somebody else promotes at the same time.
    """
    _check(reason)
    number = registered.promotions.next_number
    if not new_features:
        _check_features(registered, version)
    promotion = Promotion(
        fleet=registered.fleet.name,
        version=version,
        role=CHALLENGER if shadow else CHAMPION,
        reason=reason,
        who=whoever(),
        number=number,
        overridden="" if shadow else _objections(registered, version, override=override),
        promoted_ms=registered.resources.clock.now_ms(),
    )
    return _announced(registered, registered.registry.promote(promotion))


def roll_back(registered: Registered, *, reason: str) -> dict[str, Any]:
    """Make the version before the champion the champion again; needs no registry.

    It was judged when it was promoted, and is not judged again. If the registry is away it learns nothing
    of it, and the result says so.
    """
    _check(reason)
    before = _champion_before(registered)
    promotion = msgspec.structs.replace(
        before,
        number=registered.promotions.next_number,
        reason=reason,
        who=whoever(),
        promoted_ms=registered.resources.clock.now_ms(),
        overridden="",
    )
    registered.promotions.claim(promotion)
    registered.promotions.enforce(CHAMPION)
    announced = _announced(registered, promotion)
    try:
        registered.registry.mark(promotion)
    except UnavailableError as error:
        return {**announced, "registry": f"not told: {error}"}
    return announced


def _champion_before(registered: Registered) -> Promotion:
    """Return the promotion to go back to, whose bundle is whole."""
    now = registered.champion()
    before = [p for p in registered.promotions.candidates() if p.version != now.version]
    if not before:
        name = registered.fleet.name
        raise ModelError(f"champion {now.version} of {name} is the first: there is none before it")
    registered.promoted_folder(before[0])
    return before[0]


def _check(reason: str) -> None:
    if not reason.strip():
        raise ModelError(f"reason {reason!r}: give a reason; it is recorded")


def _objections(registered: Registered, version: str, *, override: bool) -> str:
    """Return what speaks against a version; each verdict stays with it as a tag of its own."""
    verdict = gate(registered, version)
    tag = f"gate.{registered.resources.clock.now_ms()}"
    registered.registry.tag(registered.fleet.name, version, tag, msgspec.json.encode(verdict).decode())
    if verdict.passed or override:
        return verdict.objections
    raise ModelError(
        f"version {version} does not pass the gate: {verdict.objections}; "
        "--override promotes it, and your --reason is recorded with that"
    )


def _check_features(registered: Registered, version: str) -> None:
    """Refuse a version whose features are not those of the champion."""
    champion = registered.promotions.newest()
    if champion is None:
        return
    with registered.bundle(version) as folder:
        wanted = read_manifest(folder).fingerprint
    present = read_manifest(registered.promoted_folder(champion)).fingerprint
    if wanted != present:
        raise ModelError(
            f"version {version} has features {wanted}, champion {champion.version} and running workers "
            f"have {present}: no worker would take it. Train with the champion's expectation; or stop "
            "the workers, promote with --new-features, and start them: they build the windows again"
        )


def _announced(registered: Registered, promotion: Promotion) -> dict[str, Any]:
    """Tell the workers; if the broker cannot, they find the pointer file within seconds."""
    heard, topic = "by the pointer file", registered.topics.promotions
    try:
        if registered.has_topic(topic):
            with Publisher(registered.settings.connection, _ANSWER_S) as publisher:
                publisher.send(0, codec.promotion(topic, promotion))
            heard = f"on topic {topic}"
    except UnavailableError as error:
        heard = f"by the pointer file; {error}"
    return {**msgspec.to_builtins(promotion), "heard": heard}
