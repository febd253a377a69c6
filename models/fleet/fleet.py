"""A fleet is data: its sensors, windows, horizons, recording and policies stand in one TOML file."""

from __future__ import annotations

import functools
import hashlib
import math
import re
import tomllib
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, Field

from models.errors import ConfigError
from models.event_time import DAY_MS
from models.fleet.config import expects, means, read_table, refuse, table
from models.fleet.consistency import contradictions
from models.fleet.kinds import (
    Formula,
    Key,
    Keys,
    NotNegative,
    Parameters,
    Pattern,
    Positive,
    PositiveNumber,
    Rising,
    Share,
)
from models.fleet.recording import Recording
from models.fleet.telemetry import Telemetry


def _whole_ms(period_s: float) -> float:
    if period_s <= 0 or abs(period_s * 1000 - round(period_s * 1000)) > 1e-6:
        raise ValueError(period_s)
    return period_s


@table
class Point:
    """What is known of a machine over time: measured, or derived from what is."""

    key: Annotated[Key, means("its name in every message and feature")]
    label: Annotated[str, means("its name for people")]
    unit: Annotated[str, means("its unit, for people and for the check of units")]
    low: Annotated[float, means("plausible values begin here; one below is missing, and counted")]
    high: Annotated[float, means("plausible values end here; one above is missing, and counted")]
    brick: Annotated[str, means("class in the Brick schema")] = ""
    resolution: Annotated[
        PositiveNumber | None,
        means(
            "what the sensor can tell apart, in its unit: readings are said to it, and one that "
            "equals the usual one at it is no reason; by default the power of ten next to a thousandth of "
            "the range, 1 at most"
        ),
    ] = None
    state: Annotated[
        str,
        means(
            'for a point that is 0 or not (`low` is 0): what it means while it is not, as "capacity was '
            'limited"; said as a share of time, a code (`high` above 1) as "at times"'
        ),
    ] = ""

    @property
    def step(self) -> float:
        """The resolution; where none is given, the power of ten next to a thousandth of the range, 1 at most.

        >>> Point(key="p", label="pressure", unit="bar", low=0.1, high=20.0).step
        0.01
        """
        thousandth = (self.high - self.low) / 1000
        return self.resolution or float(min(1.0, 10.0 ** math.floor(math.log10(thousandth))))


@table
class Sensor(Point):
    """One point of the catalogue, which every message gives."""

    stuck_s: Annotated[
        Positive | None,
        means("report a value that stays the same to the bit for so long while the machine runs"),
    ] = None
    hold_s: Annotated[
        Positive | None,
        means("for a point that is sent when it changes: it holds its last value for up to so long"),
    ] = None
    max_per_minute: Annotated[
        PositiveNumber | None, means("report a value that moves by more units a minute than this")
    ] = None


@table
class Derived(Point):
    """A point that nobody measures: a formula over sensors, missing if one is, or outside its limits."""

    formula: Annotated[
        Formula,
        means("what it is: arithmetic of sensors, as `oil_pump_pressure - evap_pressure`"),
    ]


@table
class Sampling:
    """Panes of ``hop_s`` make windows; their ends are multiples of it."""

    period_s: Annotated[
        int | float,
        AfterValidator(_whole_ms),
        expects("a number above 0, in whole milliseconds"),
        means("seconds between samples; of two readings of a sensor in one period the later stays"),
    ]
    hop_s: Annotated[Positive, means("length of a pane, and distance between windows")]
    windows_s: Annotated[
        tuple[Positive, ...],
        Field(min_length=1),
        Rising,
        expects("rising whole numbers above 0"),
        means("window lengths, multiples of the hop"),
    ]
    long_windows_s: Annotated[
        tuple[Positive, ...],
        Rising,
        expects("rising whole numbers above 0"),
        means(
            "more window lengths, for what is computed beside an expectation (residuals, margins, indices): "
            "multiples of the hop, other than `windows_s`"
        ),
    ] = ()
    lateness_s: Annotated[NotNegative, means("how late a sample may correct a window")] = 0
    silent_s: Annotated[
        Positive | None,
        means("report a machine when the fleet is so far ahead of it; else three hops and the lateness"),
    ] = None
    max_future_s: Annotated[
        NotNegative,
        means("refuse a sample, event or watermark whose time is more than this after its message arrived"),
    ] = 3600

    @property
    def period_ms(self) -> int:
        """Milliseconds between samples."""
        return round(self.period_s * 1000)

    @property
    def reach_s(self) -> int:
        """How far back a window looks at most."""
        return max(self.windows_s + self.long_windows_s)

    @property
    def recent_s(self) -> int:
        """Length of the window whose readings people are told: the one next to a day."""
        return min(self.windows_s, key=lambda length_s: abs(length_s - 86400))

    @property
    def silence_ms(self) -> int:
        """How far the fleet is ahead of an asset that counts as silent."""
        return 1000 * (self.silent_s or 3 * self.hop_s + self.lateness_s)


@table
class Advice:
    """What to suspect, and to check, when these sensors drive the risk.

    Those in ``falls`` speak for the fault when they read lower than expected, the others when they read
    higher; a sensor without an expectation speaks for it either way.
    """

    fault: Annotated[str, means("what to suspect")]
    sensors: Annotated[Keys, means("when these sensors drive a risk")]
    check: Annotated[str, means("what to check")]
    falls: Annotated[
        tuple[Key, ...], means("those that read lower than expected under this fault; the others read higher")
    ] = ()
    codes: Annotated[
        tuple[str, ...],
        means("the controller's words for the shutdown it leads to; given if the model expects one of them"),
    ] = ()


@table
class Running:
    """When a machine runs."""

    sensor: Annotated[Key, means("a machine runs while this sensor")]
    above: Annotated[float, means("reads above this")]


@table
class Expected:
    """These sensors are compared with what the fleet shows at the same values of the drivers."""

    drivers: Annotated[
        tuple[Key, ...], Field(min_length=1, max_length=12), means("at the same values of these sensors")
    ]
    sensors: Annotated[Keys, means("these are compared with what the fleet shows")]
    relative: Annotated[
        bool,
        means(
            "compare each as a share of its median on this machine, as flows and powers of machines that "
            "differ in size"
        ),
    ] = False


@table
class Alerting:
    """When a case is opened.

    A case opens when the risk over ``horizon_d`` was at or above the threshold in ``raise_count`` of the last
    ``raise_among`` windows, ``of`` in the file; it closes once the risk stayed below ``clear_ratio`` of the
    threshold for ``clear_d``, or with the outcome, after which none opens for ``cooldown_d``. It stands for
    ``case_d``, which may be longer than the horizon that the risk is about; a risk that is still as high then
    opens another.
    """

    horizon_d: Annotated[PositiveNumber, means("the horizon that is alerted on, one of `horizons_d`")]
    raise_count: Annotated[Positive, means("a case opens when so many risks reach the threshold")] = 3
    raise_among: Annotated[Positive, Field(alias="of"), means("out of the last so many")] = 4
    clear_ratio: Annotated[
        Share, means("it closes once the risk stayed below this share of the threshold")
    ] = 0.5
    clear_d: Annotated[float, Field(ge=0), means("for so many days: a dip closes nothing")] = 2.0
    cooldown_d: Annotated[
        float,
        Field(ge=0),
        means("for so many days after an outcome no case opens"),
    ] = 2.0
    case_d: Annotated[
        PositiveNumber | None,
        means(
            "for so many days a case stands: an outcome within them was announced, and without one it was a "
            "false alarm; by default `horizon_d`"
        ),
    ] = None
    confirmed_by: Annotated[
        tuple[str, ...],
        means("codes of maintenance events that say a fault was found: they explain a case without outcome"),
    ] = ("corrective",)
    false_alarms_per_asset_year: Annotated[
        PositiveNumber, means("the budget from which the threshold is learnt")
    ] = 1.0
    budget_of: Annotated[
        Literal["unexplained", "all"],
        means("whether the budget counts only cases that nothing explains, or all without outcome"),
    ] = "unexplained"
    daily_share: Annotated[
        Share | None, means("instead: alert the riskiest of the fleet each day, this share of it")
    ] = None

    @property
    def case_ms(self) -> float:
        """How long a case stands."""
        return (self.case_d or self.horizon_d) * DAY_MS


@table
class Training:
    """How the risk model is fitted."""

    features: Annotated[
        tuple[str, ...],
        Field(min_length=1),
        means("shell patterns of the feature names that the model may use"),
    ] = ("*",)
    rounds: Annotated[Positive, means("number of trees")] = 200
    early_stopping: Annotated[
        Positive | None,
        means(
            "stop after so many trees that did not better the log-loss on the end of the training slice; "
            "`rounds` is then the most"
        ),
    ] = None
    censor: Annotated[
        tuple[str, ...],
        means("kinds of events, as `maintenance`, after which a machine's future is not known"),
    ] = ()
    downtime_s: Annotated[
        NotNegative | None,
        means(
            "a machine counts as running again so long after a shutdown, or with its restart event; without "
            "it, if the log has no restart events, right after it"
        ),
    ] = None
    stride_s: Annotated[Positive | None, means("learn only from windows whose end is a multiple of it")] = (
        None
    )
    calibration_share: Annotated[
        float,
        Field(ge=0, lt=1),
        means("share of the history, at its end, kept for calibration and threshold"),
    ] = 0.25
    negatives_per_positive: Annotated[Positive, means("how far negatives are thinned")] = 20
    cause_outcomes: Annotated[Positive, means("shutdowns that a reason needs to be learnt for itself")] = 5
    cause_rounds: Annotated[Positive, means("how many trees tell the reasons apart")] = 50
    parameters: Annotated[Parameters, means("LightGBM's parameters as they are")] = field(
        default_factory=dict
    )
    rule: Annotated[tuple[Key, ...], means("sensors whose sum is the rule to beat")] = ()


@table
class Rule:
    """What an experienced hand would watch: a warning level of a sensor, before the level at which it trips.

    A sensor that trips above is watched above, one that trips below its warning level below.
    """

    sensor: Annotated[Key, means("what an experienced hand watches, a baseline for the model")]
    warn: Annotated[float, means("the level to warn at")]
    trip: Annotated[
        float,
        means(
            "the level at which the controller trips; beside `[[expectation]]` how near any of them is "
            "becomes a feature"
        ),
    ]
    relative: Annotated[
        bool, means("the levels are shares of what is expected of the sensor, which needs an expectation")
    ] = False


@table
class Fleet:
    """Everything that distinguishes one kind of fleet from another."""

    name: Annotated[Key, means("name of the fleet")]
    asset: Annotated[str, means("the word for one machine")]
    asset_pattern: Annotated[Pattern, means("what every machine's name matches in full")]
    outcome: Annotated[str, means("the words for what is predicted")]
    sampling: Sampling
    horizons_d: Annotated[
        tuple[float, ...],
        Field(min_length=1),
        Rising,
        expects("rising numbers above 0"),
        means("how many days ahead the risk is told"),
    ]
    sensors: Annotated[tuple[Sensor, ...], Field(min_length=1, max_length=4096)]
    alerting: Alerting
    derived: tuple[Derived, ...] = ()
    max_assets: Annotated[
        Positive,
        means("machines that a partition of telemetry takes; a name beyond them is refused, with an alarm"),
    ] = 8192
    max_new_assets_per_hour: Annotated[
        Positive | None,
        means("machines of these that may be new in one hour of arrival; without it any number"),
    ] = None
    inventory: Annotated[
        tuple[str, ...],
        means("the machines that are let in, by name; without it every name that matches `asset_pattern`"),
    ] = ()
    training: Training = Training()
    running: Running | None = None
    expectation: tuple[Expected, ...] = ()
    advice: tuple[Advice, ...] = ()
    rules: tuple[Rule, ...] = ()
    recording: Recording | None = None
    telemetry: Telemetry | None = None

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """Sensor keys in the order of every value vector."""
        return tuple(s.key for s in self.sensors)

    @functools.cached_property
    def points(self) -> tuple[Point, ...]:
        """The sensors, then what is derived from them."""
        return (*self.sensors, *self.derived)

    @functools.cached_property
    def point_keys(self) -> tuple[str, ...]:
        """The keys of all points, in order."""
        return tuple(p.key for p in self.points)

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
    refuse(contradictions(fleet, source))
    return fleet
