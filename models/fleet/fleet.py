"""A fleet is data: its sensors, windows, horizons, recording and policies stand in one TOML file."""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from models.errors import ConfigError
from models.fleet.config import read_table

Key = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,63}$", description="snake_case, at most 64 characters")]
Positive = Annotated[int, Meta(gt=0)]
Share = Annotated[float, Meta(gt=0, lt=1)]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the fleet file; a key it does not know is refused."""


class Sensor(_Table, frozen=True):
    """One point of the catalogue; a value outside [low, high] is implausible and counts as missing.

    A value that stays the same to the bit for ``stuck_s`` while the machine runs, or that moves by more than
    ``max_per_minute`` units a minute, is reported; neither is looked at where it is not given.

    For people: two values within one ``resolution`` are the same; ``state`` says in words what a point that
    is 0 or not means while it is not.
    """

    key: Key
    label: str
    unit: str
    low: float
    high: float
    brick: str = ""
    stuck_s: Positive | None = None
    max_per_minute: Annotated[float, Meta(gt=0)] | None = None
    resolution: Annotated[float, Meta(gt=0)] | None = None
    state: str = ""

    @property
    def step(self) -> float:
        """The resolution; where none is given, the power of ten next to a thousandth of the range, 1 at most.

        >>> Sensor(key="p", label="pressure", unit="bar", low=0.1, high=20.0).step
        0.01
        """
        thousandth = (self.high - self.low) / 1000
        return self.resolution or float(min(1.0, 10.0 ** math.floor(math.log10(thousandth))))


class Sampling(_Table, frozen=True):
    """``period_s`` between samples; panes of ``hop_s``; ``windows_s`` are multiples of the hop.

    An asset is reported as silent when the fleet has come ``silent_s`` further than it; where that is not
    given, three hops and the lateness. A time that lies more than ``max_future_s`` after the arrival of its
    message is refused.
    """

    period_s: Positive
    hop_s: Positive
    windows_s: Annotated[tuple[Positive, ...], Meta(min_length=1)]
    lateness_s: Annotated[int, Meta(ge=0)] = 0
    silent_s: Positive | None = None
    max_future_s: Annotated[int, Meta(ge=0)] = 3600

    @property
    def recent_s(self) -> int:
        """Length of the window whose readings people are told: the one next to a day."""
        return min(self.windows_s, key=lambda length_s: abs(length_s - 86400))

    @property
    def silence_ms(self) -> int:
        """How far the fleet is ahead of an asset that counts as silent."""
        return 1000 * (self.silent_s or 3 * self.hop_s + self.lateness_s)


class Advice(_Table, frozen=True):
    """What to suspect, and to check, when these sensors drive the risk.

    Those in ``falls`` speak for the fault when they read lower than expected, the others when they read
    higher; a sensor without an expectation speaks for it either way. ``codes`` are the controller's words for
    a shutdown that it leads to.
    """

    fault: str
    sensors: Annotated[tuple[Key, ...], Meta(min_length=1)]
    check: str
    falls: tuple[Key, ...] = ()
    codes: tuple[str, ...] = ()


class Running(_Table, frozen=True):
    """A machine runs while ``sensor`` reads above ``above``."""

    sensor: Key
    above: float


class Expected(_Table, frozen=True):
    """These sensors are compared with what the fleet shows at the same values of the drivers."""

    drivers: Annotated[tuple[Key, ...], Meta(min_length=1, max_length=12)]
    sensors: Annotated[tuple[Key, ...], Meta(min_length=1)]


class Alerting(_Table, frozen=True):
    """When a case is opened.

    A case opens when the risk over ``horizon_d`` was at or above the threshold in ``raise_count`` of the last
    ``of`` windows; it closes once the risk stayed below ``clear_ratio`` of the threshold for ``clear_d``, or
    with the outcome, after which none opens for ``cooldown_d``. It closes, too, when the horizon has passed;
    a risk that is still as high opens another.
    The threshold is learnt on a later slice from ``false_alarms_per_asset_year``, unless ``daily_share`` is
    given: then that share of the fleet with the highest risk is alerted each day.
    """

    horizon_d: Annotated[float, Meta(gt=0)]
    raise_count: Positive = 3
    of: Positive = 4
    clear_ratio: Share = 0.5
    clear_d: Annotated[float, Meta(ge=0)] = 2.0
    cooldown_d: Annotated[float, Meta(ge=0)] = 2.0
    false_alarms_per_asset_year: Annotated[float, Meta(gt=0)] = 1.0
    daily_share: Share | None = None


class Training(_Table, frozen=True):
    """How the risk model is fitted.

    ``features`` are patterns (as in a shell) of the feature names it may use; ``parameters`` go to LightGBM
    as they are; ``rule`` names the sensors whose sum is the baseline to beat. Where ``early_stopping`` is
    given, the number of trees, ``rounds`` at most, is that after which the log-loss on the end of the
    training slice did not fall for so many trees. After an event of the kinds in ``censor`` a machine's
    future is not what it would have been, and teaches nothing.
    """

    features: Annotated[tuple[str, ...], Meta(min_length=1)] = ("*",)

    rounds: Positive = 200
    early_stopping: Positive | None = None
    censor: tuple[str, ...] = ()
    stride_s: Positive | None = None
    calibration_share: Annotated[float, Meta(ge=0, lt=1)] = 0.25
    negatives_per_positive: Positive = 20
    cause_outcomes: Positive = 5
    cause_rounds: Positive = 50
    parameters: dict[str, float | int | str] = {}
    rule: tuple[Key, ...] = ()


class Rule(_Table, frozen=True):
    """What an experienced hand would watch: a warning level of a sensor, before the level at which it trips.

    A sensor that trips above is watched above, one that trips below its warning level below.
    """

    sensor: Key
    warn: float
    trip: float


class Column(_Table, frozen=True):
    """Where a sensor stands in a recording: ``value = column × scale + offset``; ``nulls`` are missing."""

    column: str
    scale: float = 1.0
    offset: float = 0.0
    nulls: tuple[float, ...] = ()


class EventRule(_Table, frozen=True):
    """A row whose ``column`` equals ``equals`` is an event of ``kind``, ``after_s`` after the row's time."""

    column: str
    equals: int | str
    kind: str = "shutdown"
    code: str = ""
    after_s: Annotated[int, Meta(ge=0)] = 0


class Recording(_Table, frozen=True, kw_only=True):
    """How the rows of a wide CSV or Parquet recording become samples and events.

    ``inventory`` names the columns that say what a machine is: its model, its site, …
    """

    asset: str
    time: str
    timezone: str = "UTC"
    columns: dict[Key, Column]
    inventory: dict[Key, str] = {}
    events: tuple[EventRule, ...] = ()


class Fleet(_Table, frozen=True, dict=True):
    """Everything that distinguishes one kind of fleet from another.

    A partition of telemetry takes ``max_assets`` machines; a name beyond them is refused.
    """

    name: Key
    asset: str
    asset_pattern: str
    outcome: str
    sampling: Sampling
    horizons_d: Annotated[tuple[float, ...], Meta(min_length=1)]
    sensors: Annotated[tuple[Sensor, ...], Meta(min_length=1, max_length=4096)]
    alerting: Alerting
    max_assets: Positive = 8192
    training: Training = Training()
    running: Running | None = None
    expectation: tuple[Expected, ...] = ()
    advice: tuple[Advice, ...] = ()
    rules: tuple[Rule, ...] = ()
    recording: Recording | None = None

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """Sensor keys in the order of every value vector."""
        return tuple(s.key for s in self.sensors)

    @property
    def horizon(self) -> int:
        """Number of the horizon that is alerted on, in ``horizons_d``."""
        return self.horizons_d.index(self.alerting.horizon_d)

    @functools.cached_property
    def schema(self) -> str:
        """Identity of the value vector: 16 hexadecimal digits over keys and units, in order."""
        text = "\n".join(f"{s.key} {s.unit}" for s in self.sensors)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def knows(self, asset: str) -> bool:
        """Return whether ``asset`` has a name of this fleet."""
        return re.fullmatch(self.asset_pattern, asset) is not None


def load_fleet(path: Path) -> Fleet:
    """Read and check a fleet file: TOML as people write it, or JSON (`.json`) as a worker is handed it.

    Raises ConfigError with the file, the key, its value and what was expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = msgspec.json.decode(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "file", str(path), f"a readable fleet file ({error})") from error
    except (tomllib.TOMLDecodeError, msgspec.DecodeError) as error:
        form = "JSON" if path.suffix == ".json" else "TOML"
        raise ConfigError(str(path), "file", str(path), f"{form} ({error})") from error
    return parse_fleet(raw, str(path))


def parse_fleet(raw: dict[str, Any], source: str) -> Fleet:
    """Check the content of a fleet file; ``source`` names it in errors."""
    fleet = read_table(raw, Fleet, source)
    _check(fleet, source)
    return fleet


def _check(fleet: Fleet, source: str) -> None:
    """Refuse what the types allow but the pipeline cannot run."""
    for key, value, good, expected in _rules(fleet):
        if not good:
            raise ConfigError(source, key, value, expected)


def _rules(fleet: Fleet) -> list[tuple[str, object, bool, str]]:
    keys, sampling = fleet.keys, fleet.sampling
    first = {key: i for i, key in reversed(list(enumerate(keys)))}
    hop = sampling.hop_s
    rules: list[tuple[str, object, bool, str]] = [
        ("sampling.hop_s", hop, hop % sampling.period_s == 0, "a multiple of sampling.period_s"),
        ("sampling.windows_s", list(sampling.windows_s), _rising(sampling.windows_s), "rising lengths"),
        ("horizons_d", list(fleet.horizons_d), _rising(fleet.horizons_d), "rising days above 0"),
        (
            "alerting.horizon_d",
            fleet.alerting.horizon_d,
            fleet.alerting.horizon_d in fleet.horizons_d,
            f"one of horizons_d {list(fleet.horizons_d)}",
        ),
        ("alerting.of", fleet.alerting.of, fleet.alerting.of >= fleet.alerting.raise_count, ">= raise_count"),
        ("asset_pattern", fleet.asset_pattern, _is_pattern(fleet.asset_pattern), "a regular expression"),
    ]
    rules += [
        (f"sampling.windows_s[{i}]", w, w % hop == 0, "a multiple of sampling.hop_s")
        for i, w in enumerate(sampling.windows_s)
    ]
    rules += [
        (f"recording.inventory.{key}", key, key not in ("asset", "fleet"), "another name: this one is taken")
        for key in (fleet.recording.inventory if fleet.recording else ())
    ]
    rules += [
        (f"rules[{i}].trip", r.trip, r.trip != r.warn, f"another level than warn = {r.warn}")
        for i, r in enumerate(fleet.rules)
    ]
    rules += [
        (f"sensors[{i}].low", s.low, s.low < s.high, f"below high = {s.high}")
        for i, s in enumerate(fleet.sensors)
    ]
    rules += [
        (f"sensors[{i}].key", key, first[key] == i, "a key that no other sensor has")
        for i, key in enumerate(keys)
    ]
    return rules + [(name, key, key in first, "a key of [[sensors]]") for name, key in _references(fleet)]


def _references(fleet: Fleet) -> list[tuple[str, str]]:
    """Return every place that names a sensor, with the name it gives."""
    named = [(f"advice[{i}].sensors", key) for i, a in enumerate(fleet.advice) for key in a.sensors]
    named += [(f"advice[{i}].falls", key) for i, a in enumerate(fleet.advice) for key in a.falls]
    named += [(f"rules[{i}].sensor", rule.sensor) for i, rule in enumerate(fleet.rules)]
    named += [("training.rule", key) for key in fleet.training.rule]
    for i, group in enumerate(fleet.expectation):
        named += [(f"expectation[{i}]", key) for key in (*group.drivers, *group.sensors)]
    if fleet.running:
        named.append(("running.sensor", fleet.running.sensor))
    if fleet.recording:
        named += [(f"recording.columns.{key}", key) for key in fleet.recording.columns]
    return named


def _rising(values: tuple[float, ...]) -> bool:
    return values[0] > 0 and all(a < b for a, b in itertools.pairwise(values))


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True
