"""What the risk stage says on the topic of drift, in words: of scores, of who decides, and of what moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from scipy.special import expit

from models.adaptation.contest import Switch
from models.adaptation.drift import DriftSignal
from models.adaptation.fleet_drift import FleetDrift, Moved
from models.adaptation.fleet_drift import Remembered as Watching
from models.adaptation.instruments import in_common
from models.adaptation.label_delay import LabelDelay
from models.adaptation.label_delay import Remembered as Delayed
from models.adaptation.labels import Matured
from models.adaptation.layer import SegmentsOf
from models.adaptation.performance import Performance, Sums, Worth
from models.adaptation.performance import Remembered as Measured
from models.adaptation.shared_drift import Usual
from models.event_time import DAY_MS
from models.features.channels import residual_points
from models.features.expectation import Expectation
from models.features.schema import FeatureSchema, window_name
from models.telemetry.event_log import FINDING, OUTCOME
from models.telemetry.samples import Event, Float32
from streams.records import Drift

_ENDS = {
    "sensor": "and nothing moves with it: look at the instrument",
    "machine": "the machine changes",
    "population": "and that of the others does not: new firmware, a recalibration, another model?",
    "season": "as all do: a season, or a way of running, that nobody has learnt",
}


class SharedDrift(msgspec.Struct, frozen=True):
    """What is remembered of a partition as a whole."""

    segments: dict[str, Usual] = {}
    answers: bytes = b""
    delay: Delayed = ([], False)
    performance: Measured = (0, Sums(), [])


class DriftReports:
    """Watches the residuals of one partition's machines, and how late people say what they found.

    Events of the kinds ``censor`` are work on a machine, after which it is another.
    """

    def __init__(
        self, schema: FeatureSchema, segments_of: SegmentsOf, horizon_ms: int, censor: tuple[str, ...]
    ) -> None:
        fleet = schema.fleet
        self.points, self.censor, self._segments_of = residual_points(fleet), censor, segments_of
        names = {name: i for i, name in enumerate(schema.names)}
        recent = window_name(fleet.sampling.recent_s)
        self._recent = np.array([names[f"{key}_residual.{recent}.mean"] for key in self.points], np.int64)
        relative = {key: group.relative for group in fleet.expectation for key in group.sensors}
        self._relative = [relative[key] for key in self.points]
        about = {point.key: point for point in fleet.points}
        self._labels = [about[key].label for key in self.points]
        self._units = [about[key].unit for key in self.points]
        self.watch = FleetDrift(in_common(fleet), segments_of)
        self.delay, self.performance = LabelDelay(horizon_ms), Performance()

    def anew(self, schema: FeatureSchema) -> DriftReports:
        """Return what watches the residuals of other features from now on, and knows people as before."""
        out = DriftReports(schema, self._segments_of, self.delay.horizon_ms, self.censor)
        out.delay, out.performance = self.delay, self.performance
        out.watch.changed |= self.watch.changed | self.watch.known
        out.watch.stirred = True
        return out

    def observe_day(self, asset: str, end_ms: int, vector: Float32) -> None:
        """See the window of a machine that ends a day."""
        self.watch.observe(asset, end_ms, vector[self._recent])

    def scored(self, log_odds: float) -> None:
        """See the score of a day."""
        self.performance.scored(log_odds)

    def matured(self, lessons: Sequence[Matured], unlabelled: int, watermark_ms: int) -> Iterator[Drift]:
        """See the labels that a watermark brought; yield how wrong they were, and what the week was worth."""
        yield from map(of_errors, self.performance.matured(lessons, unlabelled))
        worth = self.performance.advance(watermark_ms)
        if worth is not None:
            yield of_worth(worth)

    def event(self, event: Event, watermark_ms: int) -> Iterator[Drift]:
        """See what happened to a machine, and yield that findings come too late."""
        if event.kind == OUTCOME or event.kind in self.censor:
            self.watch.begin_anew(event.asset)
        if event.kind != FINDING:
            return
        self.watch.stirred = True
        median_ms = self.delay.heard(max(watermark_ms - event.time_ms, 0))
        if median_ms is not None:
            days, horizon_d = median_ms / DAY_MS, self.delay.horizon_ms / DAY_MS
            text = f"findings come {days:.0f} days after machines were looked at: labels take {horizon_d:g}"
            yield Drift(
                detector="fleet",
                cause="label-delay",
                time_ms=watermark_ms,
                value=days,
                unit="d",
                text=text,
            )

    def advance(self, watermark_ms: int, expectation: Expectation | None) -> Iterator[Drift]:
        """Yield what is to be said of the days that are over; the ``expectation`` knows the units."""
        for moved in self.watch.advance(watermark_ms):
            yield self._said(moved, expectation)

    def remember(self, asset: str) -> Watching:
        """Return what is remembered of one asset."""
        return self.watch.remember(asset)

    def restore(self, asset: str, remembered: Watching) -> None:
        """Remember it again."""
        self.watch.restore(asset, remembered)

    def shared(self) -> SharedDrift:
        """Return what is remembered of all."""
        return SharedDrift(*self.watch.shared(), self.delay.remember(), self.performance.remember())

    def give_back(self, shared: SharedDrift) -> None:
        """Know it again."""
        self.watch.give_back(shared.segments, shared.answers)
        self.delay.restore(shared.delay)
        self.performance.restore(shared.performance)

    def take_changed(self) -> set[str]:
        """Return the assets that are remembered otherwise than at the last call."""
        changed, self.watch.changed = self.watch.changed, set()
        return changed

    def take_stirred(self) -> bool:
        """Return whether what is remembered of all is otherwise than at the last call."""
        stirred = self.watch.stirred or self.performance.changed
        self.watch.stirred = self.performance.changed = False
        return stirred

    def _said(self, moved: Moved, expectation: Expectation | None) -> Drift:
        key = self.points[moved.point]
        sigma, unit = (
            (expectation.sigma[moved.point], self._units[moved.point]) if expectation else (1.0, "sd")
        )
        share = self._relative[moved.point] and expectation is not None
        effect = moved.deviations * sigma
        amount = f"{abs(effect):.0%}" if share else f"{abs(effect):.2g} {unit}"
        who = f"{moved.count} machines of {moved.segment}" if moved.segment else moved.machines[0]
        way = "more" if effect > 0 else "less"
        others = " and ".join(self._labels[point] for point in moved.with_it[:2])
        end = f"{others} with it: {_ENDS['machine']}" if others else _ENDS[moved.cause]
        about = f"{self._labels[moved.point]} of {who} reads {amount} {way} than it did"
        return Drift(
            detector="fleet",
            cause=moved.cause,
            time_ms=moved.time_ms,
            asset="" if moved.segment else moved.machines[0],
            sensor=key,
            segment=moved.segment,
            value=effect,
            unit="1" if share else unit,
            deviations=moved.deviations,
            psi=moved.effect.psi,
            ks=moved.effect.ks,
            wasserstein=moved.effect.wasserstein * sigma,
            machines=list(moved.machines),
            text=f"{about}, beside what it should, {end}",
        )


def of_scores(signal: DriftSignal) -> Drift:
    """Say that the scores of a machine changed level."""
    before, after = expit(np.array([signal.before, signal.after])).tolist()
    return Drift(
        detector="adwin",
        time_ms=signal.time_ms,
        asset=signal.asset,
        value=signal.after - signal.before,
        text=f"the level of the risk moved from {before:.2%} to {after:.2%}",
    )


def of_errors(signal: DriftSignal) -> Drift:
    """Say that labels are otherwise than their risks foretold, and were not before."""
    way = "worse" if signal.after > signal.before else "better"
    moved = f"moved from {signal.before:+.0%} of what the risks foretold to {signal.after:+.0%}: {way}"
    return Drift(
        detector="adwin-errors",
        time_ms=signal.time_ms,
        value=signal.after - signal.before,
        text=f"how much worse labels are {moved}",
    )


def of_worth(worth: Worth) -> Drift:
    """Say what the scores of a week are worth: as they foretell, and as labels told."""
    sums, labels = worth.sums, worth.sums.labels
    text = f"log-loss {worth.estimated:.4f} foretold of {sums.scored} scores; no label came"
    if labels:
        said = (
            f"log-loss {worth.estimated:.4f} foretold of {sums.scored} scores" if sums.scored else "no scores"
        )
        foretold = sums.expected_loss / labels
        told = f"{worth.realised:.4f} of {labels} labels, of which {foretold:.4f} was foretold"
        came = f"{sums.came} came, {sums.expected:.1f} were foretold"
        known = f"{worth.coverage:.0%} of those due have a label, the newest {worth.age_d:.0f} days old"
        text = f"{said}; {told}; {came}; {known}"
    return Drift(
        detector="performance",
        time_ms=worth.time_ms,
        value=worth.realised if labels else 0.0,
        estimated=worth.estimated if sums.scored else 0.0,
        labels=labels,
        coverage=worth.coverage if labels else 0.0,
        age_d=worth.age_d if labels else 0.0,
        text=text,
    )


def of_switch(switch: Switch) -> Drift:
    """Say who decides for a segment from now on."""
    standing = switch.standing
    champion, adapted = standing.champion / standing.labels, standing.adapted / standing.labels
    who = "the adapted risk decides" if switch.decides else "the champion decides again"
    return Drift(
        detector="adaptation",
        time_ms=switch.time_ms,
        segment=switch.segment,
        value=standing.gain,
        text=f"{who} for {switch.segment}: log-loss {adapted:.4f}, the champion's {champion:.4f}",
    )
