"""Making a version the champion or the challenger, and going back to the champion before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from chillcast.models.gating import gate
from chillcast.models.registered import Registered
from models.errors import ChillcastError, ModelError
from models.registry.gate import SLICE
from models.registry.manifest import load_features, read_manifest
from models.registry.promotion import CHALLENGER, CHAMPION, Promotion
from streams.access.audit import Deed
from streams.access.roles import Person
from streams.kafka.publisher import Publisher
from streams.wire import codec

_ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class Wish:
    """That a version becomes champion, or with ``shadow`` challenger: why, ``by`` whom, and what it may cost.

    ``override``: also if the gate refuses it; ``new_features``: also if it has other features than the
    champion, and was not in the shadow with them.
    """

    version: str
    reason: str
    by: Person
    override: bool = False
    shadow: bool = False
    new_features: bool = False

    @property
    def words(self) -> str:
        """What goes on record of it."""
        ways = {"shadow": self.shadow, "override": self.override, "new-features": self.new_features}
        return " ".join([self.reason, *(f"--{name}" for name, is_so in ways.items() if is_so)])


def promote(registered: Registered, wish: Wish) -> dict[str, Any]:
    """Make a version the champion, or with ``shadow`` the challenger; return what was recorded.

    A champion has to pass the gate, or ``override`` is recorded with what speaks against it. One with other
    features takes over once its longest window is full. Raises ModelError if the gate refuses it, if no
    worker can compute its features, if it was not in the shadow with them (unless ``new_features``), or if
    somebody else promotes at the same time.
    """
    about, audit = _about(registered, wish.version), registered.resources.audit
    with audit.recording(wish.by, "promote model", about, wish.words):
        _check(wish.reason)
        number = registered.promotions.next_number
        is_apart = has_other_features(registered, wish.version)
        if is_apart:
            _check_features(registered, wish)
        promotion = Promotion(
            fleet=registered.fleet.name,
            version=wish.version,
            role=CHALLENGER if wish.shadow else CHAMPION,
            reason=wish.reason,
            who=wish.by.name,
            number=number,
            overridden="" if wish.shadow else _objections(registered, wish, is_apart=is_apart),
            promoted_ms=registered.resources.clock.now_ms(),
        )
        return _announced(registered, registered.registry.promote(promotion))


def finish(registered: Registered, promotion: Promotion, by: Person) -> None:
    """Bring a promotion into force whose process was ended after it had claimed its number."""
    version = promotion.version
    with registered.resources.audit.recording(
        by, "promote model", _about(registered, version), f"going on with promotion {promotion.number}"
    ):
        registered.registry.fetch(promotion.fleet, version, registered.promotions.folder / version)
        registered.registry.mark(promotion)
        registered.promotions.enforce(promotion.role)
        _announced(registered, promotion)


def roll_back(registered: Registered, *, reason: str, by: Person) -> dict[str, Any]:
    """Make what was champion before the champion was promoted the champion again; needs no registry.

    It was judged when it was promoted, and is not judged again. If the registry is away it learns nothing
    of it, and the result says so.
    """
    about, audit = _about(registered, "champion"), registered.resources.audit
    with audit.recording(by, "roll back model", about, reason) as said:
        _check(reason)
        before = _champion_before(registered)
        promotion = msgspec.structs.replace(
            before,
            number=registered.promotions.next_number,
            reason=reason,
            who=by.name,
            promoted_ms=registered.resources.clock.now_ms(),
            overridden="",
            restores=before.number,
        )
        registered.promotions.claim(promotion)
        registered.promotions.enforce(CHAMPION)
        said(f"version {before.version} is champion again: {reason}")
        announced = _announced(registered, promotion)
    try:
        registered.registry.mark(promotion)
    except (ChillcastError, OSError) as error:
        return {**announced, "registry": f"not told: {error}"}
    return announced


def _about(registered: Registered, version: str) -> str:
    return f"model {version} of {registered.fleet.name}"


def _champion_before(registered: Registered) -> Promotion:
    """Return the promotion to go back to, whose bundle is whole."""
    now = registered.champion()
    before = [p for p in registered.promotions.standing() if p.version != now.version]
    if not before:
        name = registered.fleet.name
        raise ModelError(f"champion {now.version} of {name} is the first: there is none before it")
    registered.promoted_folder(before[-1])
    return before[-1]


def _check(reason: str) -> None:
    if not reason.strip():
        raise ModelError(f"reason {reason!r}: give a reason; it is recorded")


def _objections(registered: Registered, wish: Wish, *, is_apart: bool) -> str:
    """Return what speaks against a version; each verdict stays with it as a tag of its own, and on record.

    Two that have other features (``is_apart``) cannot be judged on one slice: the shadow has compared them.
    """
    version, resources = wish.version, registered.resources
    verdict = gate(registered, version)
    verdict = verdict.without(SLICE) if is_apart else verdict
    tag = f"gate.{resources.clock.now_ms()}"
    registered.registry.tag(registered.fleet.name, version, tag, msgspec.json.encode(verdict).decode())
    said = "passed" if verdict.passed else "refused"
    resources.audit.write(wish.by, Deed("gate", _about(registered, version), said, verdict.words))
    if verdict.passed or wish.override:
        return verdict.objections
    raise ModelError(
        f"version {version} does not pass the gate: {verdict.objections}; "
        "--override promotes it, and your --reason is recorded with that"
    )


def has_other_features(registered: Registered, version: str) -> bool:
    """Return whether a version has other features than the champion.

    Raises ModelError, with the reason, if no worker could compute them.
    """
    champion = registered.promotions.newest()
    if champion is None:
        return False
    present = read_manifest(registered.promoted_folder(champion)).fingerprint
    with registered.bundle(version) as folder:
        if read_manifest(folder).fingerprint == present:
            return False
        load_features(folder, registered.fleet)
    return True


def _check_features(registered: Registered, wish: Wish) -> None:
    """Refuse a version with other features that nobody computes yet, unless it is asked for by name."""
    challenger = registered.promotions.newest(CHALLENGER)
    is_shadowed = challenger is not None and challenger.version == wish.version
    if not (wish.shadow or wish.new_features or is_shadowed):
        raise ModelError(
            f"version {wish.version} has other features than the champion: shadow it first, so that "
            "workers compute both and the two are compared; or promote it with --new-features: it takes over "
            "once its longest window is full, and the champion scores until then"
        )


def _announced(registered: Registered, promotion: Promotion) -> dict[str, Any]:
    """Tell the workers; if the broker cannot, they find the pointer file within seconds."""
    heard, topic = "by the pointer file", registered.topics.promotions
    try:
        if registered.has_topic(topic):
            with Publisher(registered.settings.connection, _ANSWER_S) as publisher:
                publisher.send(0, codec.promotion(topic, promotion))
            heard = f"on topic {topic}"
    except (ChillcastError, OSError) as error:
        heard = f"by the pointer file; {error}"
    return {**msgspec.to_builtins(promotion), "heard": heard}
