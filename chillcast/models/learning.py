"""Learning a champion from a history: fitted, bundled, registered and promoted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version as installed_version
from itertools import chain, islice, takewhile
from pathlib import Path

from chillcast.resources import Resources
from chillcast.shipped import shipped
from chillcast.terminal.person import by_terminal
from chillcast.terminal.reporter import Meter, Reporter
from models.errors import ConfigError
from models.event_time import DAY_MS
from models.features.expectation_fit import FittedExpectation, fit_expectation
from models.fleet.fleet import Fleet
from models.learning.fitting import Fitted, fit
from models.learning.history import WindowSource
from models.learning.plan import TrainingPlan
from models.learning.pretrained import Pretrained, load_pretrained
from models.registry.bundle import write_bundle
from models.registry.promotion import Promotion
from models.telemetry.samples import TimeSlice


class RecentSlices:
    """Passes slices on, keeping those of the last ``span_ms``: what windows need to be warm."""

    def __init__(self, slices: Iterable[TimeSlice], span_ms: int) -> None:
        self.slices, self.span_ms = iter(slices), span_ms
        self.kept: deque[TimeSlice] = deque()

    def __iter__(self) -> Iterator[TimeSlice]:
        for part in self.slices:
            self.kept.append(part)
            while self.kept[0].end_ms <= part.end_ms - self.span_ms:
                self.kept.popleft()
            yield part


def expect(
    fleet: Fleet, slices: Iterable[TimeSlice], until_ms: int, reporter: Reporter
) -> FittedExpectation | None:
    """Fit what the fleet's sensors should read, on the slices that end at or before ``until_ms``."""
    if not fleet.expectation:
        return None
    early = takewhile(lambda part: part.end_ms <= until_ms, slices)
    first = list(islice(early, 1))
    with reporter.step("learning what is normal") as advance:
        meter = Meter(first[0].start_ms if first else 0, until_ms, advance, reporter.clock)
        return fit_expectation(fleet, meter.watching(chain(first, early)))


def pretrained_for(fleet: Fleet) -> Pretrained | None:
    """Return the model that a fleet's learning begins with: a shipped one by its name, or that of a folder.

    Raises ConfigError if there is none, ModelError if it does not suit the fleet.
    """
    name, here = fleet.training.pretrained, shipped("fleets/pretrained")
    if not name:
        return None
    folder = Path(name) if Path(name).is_dir() else here / name
    if not folder.is_dir():
        names = ", ".join(sorted(path.name for path in here.iterdir()))
        raise ConfigError("fleet file", "training.pretrained", name, f"a folder or one of {names}")
    return load_pretrained(folder, fleet)


def learn(plan: TrainingPlan, history: WindowSource, reporter: Reporter) -> Fitted:
    """Fit a model as planned, showing how far it is."""
    days = (plan.until_ms - plan.start_ms) / DAY_MS
    with reporter.step(f"learning from {days:.0f} days") as advance:
        fitted = fit(plan, history, lambda step, share: advance(share, step))
    for why, count in fitted.left_out.items():
        if count:
            hint = "training.downtime_s says when a machine runs again"
            reporter.line(f"{count} windows were not learnt from: {why}; {hint}")
    return fitted


def enrol(fitted: Fitted, resources: Resources, *, source: str, seed: int, reporter: Reporter) -> str:
    """Write the bundle, register it, make it the champion; return its version."""
    lineage = {
        "dataset_sha256": fitted.dataset_sha256,
        **fitted.beginning,
        "source": source,
        "seed": str(seed),
        "code": installed_version("chillcast"),
    }
    bundle = write(fitted, resources, resources.settings.home_path / "run" / "bundle", lineage=lineage)
    with reporter.step("registering the model"):
        return _promoted(resources, bundle, f"trained on {source}")


def _promoted(resources: Resources, bundle: Path, reason: str) -> str:
    name, registry, by = resources.fleet.name, resources.registry, by_terminal()
    with resources.audit.recording(by, "promote model", f"model of {name}", reason) as said:
        version = registry.register(name, bundle)
        registry.promote(
            Promotion(
                fleet=name,
                version=version,
                reason=reason,
                who=by.name,
                promoted_ms=resources.clock.now_ms(),
                overridden="the gate was not asked: this command promotes what it has learnt",
            )
        )
        said(f"version {version} is champion, and the gate was not asked: {reason}")
    return version


def write(
    fitted: Fitted,
    resources: Resources,
    folder: Path,
    *,
    lineage: Mapping[str, str],
    metrics: Mapping[str, float] | None = None,
) -> Path:
    """Write the bundle of a model as a folder; ``metrics`` replaces those of its making."""
    write_bundle(
        folder,
        fitted.models,
        fitted.expectation,
        fleet=resources.fleet,
        metrics=fitted.metrics if metrics is None else metrics,
        lineage=lineage,
    )
    return folder
