"""What may happen to all that is saved and given back, made of seeds or by hypothesis."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from models.adaptation.labels import HAPPENINGS
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.fleet.fleet import Fleet
from models.registry.promotion import CHALLENGER, CHAMPION, Role
from models.risk.hazard import RiskModel
from streams.records import Sample
from streams.stage import Incoming
from streams.wire import codec
from tests.support.feature_telemetry import MINUTE, START
from tests.support.feature_telemetry import TOPICS as FEATURE_TOPICS
from tests.support.feature_telemetry import fleet as feature_fleet
from tests.support.risk_messages import trip, watermark, window
from tests.support.toy_model import Trained, fleet, trained

HOUR_MS = 3_600_000
Step = tuple[Any, ...]


@dataclass(frozen=True)
class Promoted:
    """A version gets a role before the message at ``offset``; ``number`` tells it from every other step."""

    number: int
    role: Role
    version: str
    offset: int


@functools.cache
def machines() -> Trained:
    return trained(fleet())


@functools.cache
def versions() -> dict[str, RiskModel]:
    """Three versions that say different things of the same window."""
    toy = machines()
    calm, hot = toy.model.score(np.stack([toy.vector(), toy.vector(s0=2.5)]))[:, -1].tolist()
    first = replace(toy.model, threshold=(calm * hot) ** 0.5)
    return {"1": first, "2": replace(first, offset=-1.0), "3": replace(first, offset=0.5, threshold=2.0)}


def scored(seed: int, days: int, *, promotes: bool) -> list[Incoming | Promoted]:
    """Windows of six machines, some late; trips, also of a machine that is never scored; promotions."""
    rng, toy, out = np.random.default_rng(seed), machines(), list[Incoming | Promoted]()
    offset = 0
    for hour in range(6, days * 24, 6):
        if promotes and rng.random() < 0.06:
            role, version = [CHAMPION, CHALLENGER][rng.integers(2)], str(rng.integers(1, 4))
            out.append(Promoted(len(out) + 1, role, version, offset))
        for message in _of_hour(rng, toy, hour):
            out.append(replace(message, offset=offset))
            offset += 1
    return out


def _of_hour(rng: np.random.Generator, toy: Trained, hour: int) -> Iterator[Incoming]:
    heat = {name: float(rng.choice([0.0, 1.0, 2.5])) for name in "abcdef" if rng.random() < 0.5}
    late = int(rng.choice([24, 72, 240])) if rng.random() < 0.1 else 0
    if heat:
        yield window(toy, hour - late, {name: toy.vector(s0=s0) for name, s0 in heat.items()})
    if rng.random() < 0.1:
        yield trip(hour - int(rng.choice([0, 0, 48])), str(rng.choice(list("abcdefz"))))
    if rng.random() < 0.05:
        yield trip(hour - int(rng.choice([0, 30])), str(rng.choice(list("abcdef"))), "maintenance")
    if rng.random() < 0.5:
        yield watermark(hour - int(rng.choice([0, 6, 24])))


def crowded() -> Fleet:
    """Return a fleet with room for four machines."""
    return replace(feature_fleet(), max_assets=4)


def crowd(seed: int, hours: int) -> list[Incoming]:
    """Samples of more machines than there is room for, some by a wrong clock, with their times of arrival."""
    rng, out = np.random.default_rng(seed), list[Incoming]()
    for step in range(hours * 6):
        now_ms = START + step * 10 * MINUTE
        wrong = int(rng.choice([-20_000, 2, 500])) * 24 * HOUR_MS if rng.random() < 0.1 else 0
        name = f"a{rng.integers(1, 8 if step > hours else 4)}"
        sample = Sample(asset=name, time=max(now_ms + wrong, 1), values={"s0": float(rng.normal(20, 2))})
        one = codec.sample(FEATURE_TOPICS.telemetry, sample)
        out.append(Incoming(one.topic, 0, step, one.key, one.value, one.content_type, arrived_ms=now_ms))
    return out


def waited(seed: int, days: int) -> list[Step]:
    """Windows of three machines, some late; outcomes, and watermarks that let labels mature."""
    rng, out = np.random.default_rng(seed), list[Step]()
    for day in range(days):
        for asset in "abc":
            if rng.random() < 0.6:
                log_odds = float(rng.choice([-4.0, -1.5, 0.1]))
                out.append(("observe", asset, day - int(rng.choice([0, 0, 2, 10])), log_odds))
            if rng.random() < 0.1:
                what = str(rng.choice(HAPPENINGS[:3]))
                out.append(("happen", asset, (day - int(rng.choice([0, 0, 3])), what, "")))
        if rng.random() < 0.5:
            out.append(("mature", day - int(rng.integers(0, 3))))
        if rng.random() < 0.02:
            out.append(("clear",))
    return out


def taught(seed: int, days: int) -> list[Step]:
    """Labels of three machines, many a day, that the champion foretold too low at first, well later."""
    rng, out = np.random.default_rng(seed), list[Step]()
    for day in range(8, days):
        shift = 3.0 if day < 50 else 0.0
        logits = rng.normal(-3, 1, int(rng.integers(0, 60)))
        labels = rng.random(len(logits)) < 1 / (1 + np.exp(-logits - shift))
        named = zip(
            rng.choice(list("abc"), len(logits)).tolist(), logits.tolist(), labels.tolist(), strict=True
        )
        out.append((day, sorted(named)))
    return out


def decided(seed: int, days: int) -> list[Step]:
    """Risks of three machines every six hours, high for days and low for days; outcomes, and watermarks."""
    rng, out, level = np.random.default_rng(seed), list[Step](), dict.fromkeys("abc", 0.0)
    for step in range(days * 4):
        end_ms = step * 6 * HOUR_MS
        for asset in "abc":
            if rng.random() < 0.15:
                level[asset] = float(rng.choice([0.0, 0.3, 0.9]))
            if rng.random() < 0.8:
                out.append(("observe", asset, end_ms, level[asset]))
            if rng.random() < 0.05:
                out.append(("event", asset, end_ms + 1))
        if rng.random() < 0.5:
            out.append(("advance", end_ms - 6 * HOUR_MS * int(rng.integers(0, 3))))
    return out


def daily(seed: int, days: int) -> list[Step]:
    """Scores of two machines, one of which changes its level now and then."""
    rng, level, out = np.random.default_rng(seed), 0.0, list[Step]()
    for day in range(days):
        level = float(rng.normal(-4, 3)) if rng.random() < 0.02 else level
        out.append(("update", "a", day * DAY_MS, level + float(rng.normal(0, 0.3))))
        if rng.random() < 0.002:
            out.append(("clear",))
        if day % 20 == 0:
            out.append(("update", "b", day * DAY_MS, float(rng.normal(-4, 1))))
    return out


TIMES = st.integers(0, 40)
SEEDS, HOURS = st.integers(0, 2**31), st.integers(5, 60)
LESSONS = st.builds(taught, SEEDS, st.integers(5, 90))
HYSTERESIS = Alerting(horizon_d=7.0, raise_count=2, raise_among=3, clear_ratio=0.5, cooldown_d=1.0)
SHARE = Alerting(horizon_d=7.0, daily_share=0.5)
