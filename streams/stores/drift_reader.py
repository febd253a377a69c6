"""Drift with a name, and what scores were worth week by week, as a store has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from streams.stores.selection import DETECTOR, TIME, Condition, Selection
from streams.stores.store import Reader, Row

PERFORMANCE = "performance"
CLASSES = ("sensor", "machine", "population", "season", "label-delay", PERFORMANCE)
"""What a signal is about, in the order in which they are shown; the last: labels are as they never were."""
MOST = 50_000
_FLEET, _ERRORS = "fleet", "adwin-errors"


@dataclass(frozen=True, slots=True)
class NamedDrift:
    """A signal with a class: ``effect`` and ``wasserstein`` are in ``unit`` (shares of 1 in "1").

    ``machines`` are the first twenty of a signal about many, or the one that it is about.
    """

    time_ms: int
    cause: str
    text: str
    asset: str
    sensor: str
    segment: str
    partition: str
    effect: float
    unit: str
    deviations: float
    psi: float
    ks: float
    wasserstein: float
    machines: tuple[str, ...]

    @property
    def said(self) -> str:
        """The effect in words."""
        return f"{self.effect:+.1%}" if self.unit == "1" else f"{self.effect:+.3g} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Week:
    """What the scores of the week that ended at ``time_ms`` were worth, over all partitions.

    ``foretold`` is the log-loss that they foretell of themselves, ``realised`` that of ``labels`` windows
    whose label came in it, ``coverage`` the share of those due with a label, ``age_d`` how old the newest
    label is where it is oldest. None stands for what nobody knows.
    """

    time_ms: int
    foretold: float | None
    realised: float | None
    labels: int
    coverage: float | None
    age_d: float | None


def named_drift(reader: Reader, start_ms: int, end_ms: int, most: int = MOST) -> tuple[int, list[NamedDrift]]:
    """Return how many signals of [start_ms, end_ms) have a class, and the newest of them, oldest first."""
    asked = (*_within(start_ms, end_ms), Condition(DETECTOR, "of", (_FLEET, _ERRORS)))
    chosen = Selection("drift", TIME, asked, descending=True, most=most, every=True)
    found = reader.select(chosen)
    return found.found, [_named(row) for row in reversed(found.rows)]


def weeks(reader: Reader, start_ms: int, end_ms: int) -> list[Week]:
    """Return what the weeks were worth that ended in [start_ms, end_ms), the oldest first."""
    asked = (*_within(start_ms, end_ms), Condition(DETECTOR, "=", PERFORMANCE))
    chosen = Selection("drift", TIME, asked, descending=True, most=MOST, every=True)
    told: dict[int, list[Row]] = {}
    for row in reader.select(chosen).rows:
        told.setdefault(row.time_ms, []).append(row)
    return [_week(time_ms, rows) for time_ms, rows in sorted(told.items())]


def _within(start_ms: int, end_ms: int) -> tuple[Condition, Condition]:
    return Condition(TIME, ">", float(start_ms - 1)), Condition(TIME, "<=", float(end_ms - 1))


def _named(row: Row) -> NamedDrift:
    asset, many = row.word("asset"), row.word("machines")
    of_errors = row.word(DETECTOR) == _ERRORS
    return NamedDrift(
        time_ms=row.time_ms,
        cause=PERFORMANCE if of_errors else row.word("cause"),
        text=row.word("text"),
        asset=asset,
        sensor=row.word("sensor"),
        segment=row.word("segment"),
        partition=row.word("partition"),
        effect=row.number("value"),
        unit="1" if of_errors else row.word("unit"),
        deviations=row.number("deviations"),
        psi=row.number("psi"),
        ks=row.number("ks"),
        wasserstein=row.number("wasserstein"),
        machines=(asset,) if asset else tuple(filter(None, many.split(", "))),
    )


def _week(time_ms: int, rows: Sequence[Row]) -> Week:
    """Return a week of all partitions: each counts by its labels, or if it has scores."""
    labelled = [row for row in rows if row.number("labels")]
    labels = sum(row.number("labels") for row in labelled)
    due = sum(row.number("labels") / row.number("coverage") for row in labelled if row.number("coverage"))
    lost = sum(row.number("value") * row.number("labels") for row in labelled)
    return Week(
        time_ms=time_ms,
        foretold=_mean([row.number("estimated") for row in rows if row.number("estimated")]),
        realised=lost / labels if labels else None,
        labels=round(labels),
        coverage=labels / due if due else None,
        age_d=max((row.number("age_d") for row in labelled), default=None),
    )


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None
