"""The feature schema: which number of which window of which sensor stands where in a feature vector."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import numpy as np

from models.errors import ModelError
from models.features.channels import Channels, channels_of
from models.features.compiling import compiled
from models.features.fingerprint import fingerprint
from models.features.panes import B_CROSS, B_M2, B_MAX, B_MEAN, B_MIN, B_N, B_SPREAD
from models.fleet.fleet import Fleet
from models.telemetry.samples import Float32, Float64, Int64

STATS = ("mean", "sd", "min", "max", "slope", "missing")
_MEAN, _SD, _MIN, _MAX, _SLOPE, _MISSING = range(len(STATS))
LEVEL, STRONGEST, DAYS = range(3)
_STRONGEST = "strongest_residual"
_DAY_S = 86400
_MOST_DAYS = 90.0
Feature = tuple[str, tuple[int, int, int, int, int]]


def window_name(seconds: int) -> str:
    """Name a window by its length.

    >>> [window_name(s) for s in (900, 3600, 604800, 5400)]
    ['15m', '1h', '7d', '90m']
    """
    for unit, size in (("d", _DAY_S), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


class FeatureSchema:
    """Names and computes the features of one fleet.

    Per point (a sensor, or what is derived from sensors) and window: mean, population standard deviation,
    minimum, maximum, least-squares slope per day and the share missing; then the mean of every shorter window
    minus that of the longest. The slope of one pane is over its samples, that of a longer window over the
    means of its panes, weighted by their numbers of samples.

    Beside an expectation, of the computed channels: per residual and window mean and slope, the mean of the
    longer windows, a day against a week and a week against four; per window the largest absolute mean of any
    residual, since few failures must teach one lesson for all sensors; per rule how near its trip was at most
    and on average, how fast that rises, and in how many days it is there; per fault the mean of its signed
    residuals; the drivers while the machine ran, and the share of time it did not. Of residuals, margins and
    indices also what they were in the last ``running_windows_s`` in which the machine ran. ``identity``
    distinguishes the expectations. ``program`` (F, 5) says what is written: operation, channel, statistic,
    window, other.
    """

    def __init__(self, fleet: Fleet, identity: str = "") -> None:
        self.fleet = fleet
        self.windows = tuple(window_name(s) for s in fleet.sampling.windows_s)
        self.computed = channels_of(fleet)
        self.channels = len(fleet.points) + len(self.computed)
        self.awake = channel_awake(fleet, self.computed)
        written = list(_Program(fleet, self.computed).features())
        self.names = tuple(name for name, _ in written)
        name, times = Counter(self.names).most_common(1)[0]
        if times > 1:
            raise ModelError(f"fleet {fleet.name}: {times} features are named {name}: rename a key of it")
        self.program: Int64 = np.array([row for _, row in written], np.int64)
        self._identity = identity

    def __len__(self) -> int:
        return len(self.names)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Identity of the vector: 16 hexadecimal digits over all that a feature depends on."""
        return fingerprint(self.fleet, self.names, self._identity)

    @property
    def point_index(self) -> Int64:
        """Return (F,) the number of the point behind each feature, its residual or margin; -1 if none is."""
        numbers = {key: i for i, key in enumerate(self.fleet.point_keys)}
        numbers |= {f"{key}_residual": numbers[key] for key in self.computed.residuals}
        for name, rule in zip(self.computed.margins, self.fleet.rules, strict=False):
            numbers[f"{name}_margin"] = numbers[rule.sensor]
        return np.array([numbers.get(name.partition(".")[0], -1) for name in self.names])

    def index(self, key: str, window: str, stat: str) -> int:
        """Return where ``stat`` of one window of one channel stands in the vector."""
        return self.names.index(f"{key}.{window}.{stat}")

    def matching(self, patterns: Sequence[str]) -> Int64:
        """Return the numbers of the features whose names match any of the shell patterns.

        Raises ModelError that names a pattern which no feature matches.
        """
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in self.names):
                raise ModelError(
                    f"feature pattern {pattern!r}: no feature of {self.fleet.name} has such a name"
                )
        return np.array(
            [i for i, n in enumerate(self.names) if any(fnmatchcase(n, p) for p in patterns)], np.int64
        )


class _Program:
    """Names each feature together with how it is written."""

    def __init__(self, fleet: Fleet, computed: Channels) -> None:
        sampling = fleet.sampling
        self.fleet, self.computed = fleet, computed
        self.short = tuple(window_name(s) for s in sampling.windows_s)
        lengths = sampling.windows_s + sampling.long_windows_s
        self.ran = tuple(f"running_{window_name(s)}" for s in sampling.running_windows_s if computed.context)
        self.number = {name: i for i, name in enumerate((*map(window_name, lengths), *self.ran))}
        self.days = tuple(window_name(s) for s in sorted(lengths) if s >= sampling.recent_s)
        self.recent, self.usual = window_name(sampling.recent_s), self.short[-1]
        self.longest = window_name(max(lengths))

    def features(self) -> Iterator[Feature]:
        """Yield the name and the row of the program of every feature."""
        for c, key in enumerate(self.fleet.point_keys):
            yield from self._point(key, c)
        at, computed = len(self.fleet.points), self.computed
        names = iter(enumerate(computed.names, at))
        for c, name in itertools.islice(names, len(computed.residuals)):
            yield from self._residual(name, c)
        if computed.residuals:
            for w in self.short:
                row = (STRONGEST, at, at + len(computed.residuals), self.number[w], -1)
                yield f"{_STRONGEST}.{w}.mean", row
        for c, name in itertools.islice(names, len(computed.margins)):
            yield from self._margin(name, c)
        for c, name in itertools.islice(names, len(computed.indices)):
            yield from self._index(name, c)
        for c, name in itertools.islice(names, len(computed.nearest)):
            yield from (self._level(name, c, w, "mean") for w in self.short)
            yield from (self._level(name, c, w, "max") for w in (*self.days, *self.ran))
        for c, name in names:
            yield from self._context(name, c)
        awake = channel_awake(self.fleet, computed)
        if awake >= 0:
            yield from (self._level("standing", awake, w, "missing", "share") for w in self.days)

    def _point(self, key: str, c: int) -> Iterator[Feature]:
        yield from (self._level(key, c, w, stat) for w in self.short for stat in STATS)
        yield from (self._difference(key, c, w, self.short[-1]) for w in self.short[:-1])

    def _residual(self, name: str, c: int) -> Iterator[Feature]:
        yield from (self._level(name, c, w, stat) for w in self.short for stat in ("mean", "slope"))
        yield from (self._level(name, c, w, "mean") for w in self.days if w not in self.short)
        yield from (self._level(name, c, w, "mean") for w in self.ran)
        yield from self._changes(name, c)

    def _margin(self, name: str, c: int) -> Iterator[Feature]:
        yield from (self._level(name, c, w, "max") for w in (*self.days, *self.ran))
        yield from (self._level(name, c, w, "mean") for w in dict.fromkeys((self.recent, self.usual)))
        yield self._level(name, c, self.usual, "slope")
        top = next((w for w in self.days if w != self.recent), self.recent)
        yield f"{name}.{top}.days_to_trip", (DAYS, c, -1, self.number[self.usual], self.number[top])

    def _index(self, name: str, c: int) -> Iterator[Feature]:
        yield from (self._level(name, c, w, "mean") for w in (*self.days, *self.ran))
        yield self._level(name, c, self.usual, "slope")
        yield from self._changes(name, c)

    def _context(self, name: str, c: int) -> Iterator[Feature]:
        yield from (self._level(name, c, w, "max") for w in self.days)
        yield from (self._level(name, c, w, "mean") for w in self.days)

    def _changes(self, name: str, c: int) -> Iterator[Feature]:
        """Yield a day against the longest of the clock windows, and that against the longest of all."""
        for w, other in ((self.recent, self.usual), (self.usual, self.longest)):
            if w != other:
                yield self._difference(name, c, w, other)

    def _level(self, name: str, c: int, window: str, stat: str, said: str = "") -> Feature:
        row = (LEVEL, c, STATS.index(stat), self.number[window], -1)
        return f"{name}.{window}.{said or stat}", row

    def _difference(self, name: str, c: int, window: str, other: str) -> Feature:
        row = (LEVEL, c, _MEAN, self.number[window], self.number[other])
        return f"{name}.{window}-{other}.mean", row


def channel_awake(fleet: Fleet, computed: Channels) -> int:
    """Return the channel that has a sample whenever the machine ran; -1 if none is computed."""
    if not computed.context:
        return -1
    return len(fleet.points) + computed.names.index(f"running_{computed.context[0]}")


@compiled
def write_features(moments: Float64, expected: Float64, per_day: float, program: Int64, out: Float32) -> None:
    """Write the vector ``out`` (F,) of one asset from the moments (W, 8, C) of its windows.

    It uses the moments up. ``expected`` (W,) are the samples that each window would hold had nothing been
    missed since the asset was first seen; ``per_day`` is the number of hops in a day; ``program`` (F, 5) is
    that of a schema. NaN stands where there is nothing to say.
    """
    for w in range(moments.shape[0]):
        _finish(moments[w], expected[w], per_day)
    for k in range(len(program)):
        channel, stat, w, other = program[k, 1], program[k, 2], program[k, 3], program[k, 4]
        if program[k, 0] == STRONGEST:
            out[k] = _strongest(moments[w], channel, stat)
        elif program[k, 0] == DAYS:
            out[k] = _days_to(moments[other, _MAX, channel], moments[w, _SLOPE, channel])
        elif other < 0:
            out[k] = moments[w, stat, channel]
        else:
            out[k] = moments[w, stat, channel] - moments[other, stat, channel]


@compiled
def _finish(moments: Float64, expected: float, per_day: float) -> None:
    """Turn the moments (8, C) of one window into its six statistics, in place, in the order of `STATS`.

    Mean, deviation, minimum, maximum, cross product and count stand where their statistics will.
    """
    for c in range(moments.shape[1]):
        slope = moments[B_CROSS, c] * per_day / moments[B_SPREAD, c]
        moments[_SLOPE, c] = slope if moments[B_SPREAD, c] > 0 else np.nan
    for c in range(moments.shape[1]):
        known = moments[B_N, c] > 0
        moments[_MEAN, c] = moments[B_MEAN, c] if known else np.nan
        moments[_SD, c] = np.sqrt(moments[B_M2, c] / moments[B_N, c]) if known else np.nan
        moments[_MIN, c] = moments[B_MIN, c] if known else np.nan
        moments[_MAX, c] = moments[B_MAX, c] if known else np.nan
        moments[_MISSING, c] = 1.0 - moments[B_N, c] / expected


@compiled
def _strongest(statistics: Float64, first: int, end: int) -> float:
    """Return the largest absolute mean of the channels [first, end) of one window."""
    strongest = np.nan
    for c in range(first, end):
        size = abs(statistics[_MEAN, c])
        if size == size and not size <= strongest:  # noqa: PLR0124  (also where strongest is NaN)
            strongest = size
    return strongest


@compiled
def _days_to(margin: float, per_day: float) -> float:
    """Return the days until a margin that rises so fast is 1, at most 90; NaN if it is not known."""
    if np.isnan(margin) or np.isnan(per_day):
        return np.nan
    if margin >= 1.0:
        return 0.0
    if (1.0 - margin) >= _MOST_DAYS * per_day:
        return _MOST_DAYS
    return (1.0 - margin) / per_day
