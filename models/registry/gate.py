"""The gate: whether a version may take the champion's place, from figures alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a version.

    ``metrics`` are figures by event on a later slice, which ``slice`` names; ``recall/site-a`` is that of one
    segment, and ``shutdowns/site-a`` how many outcomes it had. ``rules`` are the same figures of the fleet's
    rules, if it has any. ``latency_ms`` is the time to score a thousand windows, ``nbytes`` the size of all.
    """

    version: str
    slice: str
    metrics: Mapping[str, float]
    rules: Mapping[str, float] = {}
    latency_ms: float
    nbytes: int


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much worse is still no worse, and what a worker can bear.

    ``recall`` and ``false_alarms`` (per asset-year) are absolute; ``calibration`` is the most that log-loss
    and Brier score may grow, as a ratio. A segment counts from ``segment_shutdowns`` outcomes on. Who
    announces more than the champion may make the false alarms of ``budget``: a champion that announces
    nothing makes none, and would never be followed.
    """

    recall: float = 0.0
    false_alarms: float = 0.0
    budget: float = 0.0
    segment_shutdowns: int = 10
    segment_recall: float = 0.05
    calibration: float = 1.05
    latency_ms: float = 2000.0
    nbytes: int = 64 * 1024 * 1024


DEFAULT = Limits()
SLICE = "slice"
"""The question whether two were measured on the same windows."""


class Check(msgspec.Struct, frozen=True):
    """One question and its answer in words."""

    name: str
    passed: bool
    text: str


class Verdict(msgspec.Struct, frozen=True):
    """What the gate says of a ``version`` held ``against`` the champion; empty if there is none."""

    version: str
    against: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against it."""
        return all(check.passed for check in self.checks)

    @property
    def objections(self) -> str:
        """What speaks against it, in words; empty if nothing does."""
        return "; ".join(check.text for check in self.checks if not check.passed)

    def without(self, name: str) -> Verdict:
        """Return what it says if one of its questions is not asked."""
        checks = tuple(check for check in self.checks if check.name != name)
        return msgspec.structs.replace(self, checks=checks)

    @property
    def words(self) -> str:
        """All that was looked at, in words."""
        against = f"against version {self.against}" if self.against else "without a champion before it"
        return f"{against}: " + "; ".join(check.text for check in self.checks)


def judge(
    candidate: Evidence, champion: Evidence | None, limits: Limits = DEFAULT, *, apart: str = ""
) -> Verdict:
    """Hold a version against the champion, on the same later slice.

    If there is none, ``apart`` says why. Without a champion only the bounds on latency and size count.

    >>> old = Evidence(version="1", slice="s", metrics={"recall": 0.5}, latency_ms=60, nbytes=10_000)
    >>> judge(old, None).passed, judge(old, old).objections
    (True, 'false_alarms_per_asset_year: not measured; log_loss: not measured; brier: not measured')
    """
    checks = _bounds(candidate, limits)
    if champion is not None:
        checks += _against(candidate, champion, limits, apart)
    return Verdict(candidate.version, champion.version if champion else "", tuple(checks))


def judge_first(candidate: Evidence, limits: Limits = DEFAULT, *, has_rules: bool) -> Verdict:
    """Hold a version that is to be the first champion against the rules of the fleet, if it ``has_rules``.

    It has to announce more with as many false alarms, or as much and rank better.
    """
    checks = _bounds(candidate, limits)
    if has_rules:
        checks.append(_beats(candidate.metrics, candidate.rules))
    return Verdict(candidate.version, "", tuple(checks))


def _bounds(candidate: Evidence, limits: Limits) -> list[Check]:
    return [
        _at_most("latency_ms", candidate.latency_ms, limits.latency_ms, "ms per 1,000 windows"),
        _at_most("nbytes", candidate.nbytes, limits.nbytes, "bytes"),
    ]


def _beats(model: Mapping[str, float], rules: Mapping[str, float]) -> Check:
    names = ("recall_at_budget", "average_precision")
    if not all(name in figures for name in names for figures in (model, rules)):
        return Check("rules", False, "rules: not measured beside the rules of the fleet; train it from data")
    mine, theirs = [model[n] for n in names], [rules[n] for n in names]
    figures = ", ".join(f"{n} {a:.4g} against {b:.4g}" for n, a, b in zip(names, mine, theirs, strict=True))
    passed = mine > theirs
    return Check("rules", passed, f"rules: {'beaten' if passed else 'not beaten'}: {figures}")


def _against(candidate: Evidence, champion: Evidence, limits: Limits, apart: str) -> Iterator[Check]:
    if not candidate.slice or candidate.slice != champion.slice:
        yield Check(
            SLICE,
            False,
            f"not measured on the champion's slice (it: {candidate.slice or 'nowhere'}, champion: "
            f"{champion.slice or 'nowhere'}), and not judged again: {apart or 'nobody tried'}; "
            "shadow it and compare",
        )
        return
    new, old = candidate.metrics, champion.metrics
    yield _no_lower("recall", new, old, limits.recall)
    yield _no_higher("false_alarms_per_asset_year", new, old, _slack(new, old, limits))
    for name in ("log_loss", "brier"):
        yield _no_higher(name, new, old, old.get(name, 0.0) * (limits.calibration - 1.0))
    for segment in _segments(old, limits.segment_shutdowns):
        yield _no_lower(f"recall/{segment}", new, old, limits.segment_recall)


def _slack(new: Mapping[str, float], old: Mapping[str, float], limits: Limits) -> float:
    """Return by how many false alarms a version may be above the champion."""
    if new.get("recall", 0.0) <= old.get("recall", 0.0):
        return limits.false_alarms
    return max(limits.false_alarms, limits.budget - old.get("false_alarms_per_asset_year", 0.0))


def _segments(metrics: Mapping[str, float], fewest: int) -> list[str]:
    """Return the segments with outcomes enough to say anything."""
    prefix = "shutdowns/"
    return sorted(
        name.removeprefix(prefix)
        for name, value in metrics.items()
        if name.startswith(prefix) and value >= fewest
    )


def _no_lower(name: str, new: Mapping[str, float], old: Mapping[str, float], slack: float) -> Check:
    if name not in new or name not in old:
        return Check(name, False, f"{name}: not measured")
    passed = new[name] >= old[name] - slack
    return Check(name, passed, f"{name}: {new[name]:.4g}, at least {old[name] - slack:.4g} is wanted")


def _no_higher(name: str, new: Mapping[str, float], old: Mapping[str, float], slack: float) -> Check:
    if name not in new or name not in old:
        return Check(name, False, f"{name}: not measured")
    passed = new[name] <= old[name] + slack
    return Check(name, passed, f"{name}: {new[name]:.4g}, at most {old[name] + slack:.4g} is wanted")


def _at_most(name: str, value: float, most: float, unit: str) -> Check:
    return Check(name, value <= most, f"{name}: {value:.4g} {unit}, at most {most:.4g} is wanted")
