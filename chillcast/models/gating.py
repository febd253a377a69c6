"""A version before the gate: held against the champion, or as the first against the rules."""

from __future__ import annotations

import msgspec

from chillcast.models.entrants import Entrant, on_one_slice
from chillcast.models.registered import Registered
from models.errors import ModelError
from models.registry.gate import DEFAULT, Limits, Verdict, judge, judge_first


def gate(registered: Registered, version: str) -> Verdict:
    """Hold a version against the champion, both on its own slice; as the first, against the rules."""
    champion, fleet = registered.promotions.newest(), registered.fleet
    least, budget = registered.settings.gate_segment_shutdowns, fleet.alerting.false_alarms_per_asset_year
    limits = msgspec.structs.replace(DEFAULT, segment_shutdowns=least, budget=budget)
    with registered.bundle(version) as folder:
        newcomer = Entrant.load(version, folder)
        if champion is None:
            has_rules = bool(fleet.rules or fleet.training.rule)
            return judge_first(newcomer.evidence(), limits, has_rules=has_rules)
        if champion.version == version:
            return judge(newcomer.evidence(), None, limits)
        present = Entrant.load(champion.version, registered.promoted_folder(champion))
        return _held_against(registered, present, newcomer, limits)


def _held_against(registered: Registered, champion: Entrant, newcomer: Entrant, limits: Limits) -> Verdict:
    store = registered.resources.feature_store
    try:
        new, old = on_one_slice(store, registered.fleet, newcomer, champion)
    except ModelError as error:
        return judge(newcomer.evidence(), champion.evidence(), limits, apart=str(error))
    return judge(new, old, limits)
