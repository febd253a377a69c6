"""Simulating a fleet: into a recording, onto a running Kafka, or only to see what happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from chillcast.pipeline.publishing import Playing, publish
from chillcast.settings import Settings
from chillcast.simulation.life import chosen, draw, life_of
from chillcast.terminal.plotting import keep_cache_under
from chillcast.terminal.reporter import Meter, Reporter
from models.errors import ConfigError
from models.fleet.fleet import Fleet
from models.telemetry.samples import TimeSlice
from simulators.fleet.scenario import Scenario
from simulators.fleet.simulation import Simulation
from simulators.recordings.archiver import Archiver
from simulators.recordings.digest import Digest
from simulators.replay.player import MAX, parse_speed, since
from simulators.replay.replay import batch_ms_of
from simulators.truth import FaultRecord, ShutdownRecord

_PICTURES = (".png", ".svg", ".pdf")


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """What to simulate, and where it is to go."""

    scenario: Scenario
    out: Path | None = None
    kafka: bool = False
    speed: float = MAX
    batch_s: int | None = None
    plot: Path | None = None
    asset: str | None = None

    def played(self, fleet: Fleet, speed: str, batch_s: int | None) -> SimulationRequest:
        """Return the request with a speed and a batch, as the command line says them."""
        batch_ms_of(fleet, batch_s)
        return replace(self, speed=parse_speed(speed), batch_s=batch_s)


@dataclass
class _Keeping:
    """Counts, fingerprints and records what passes."""

    archiver: Archiver | None
    digest: Digest = field(default_factory=Digest)
    readings: int = 0
    shutdowns: int = 0

    def watching(self, slices: Iterable[TimeSlice]) -> Iterator[TimeSlice]:
        for given in slices:
            part = given.in_order()
            self.digest.add(part)
            if self.archiver:
                self.archiver.write(part)
            self.readings += part.samples.values.size
            self.shutdowns += sum(e.kind == "shutdown" for e in part.events)
            yield part


def simulate(
    settings: Settings, fleet: Fleet, request: SimulationRequest, reporter: Reporter
) -> dict[str, Any]:
    """Run a scenario to its end; return what is to be said of it.

    Raises ConfigError, before anything is simulated, for what makes no sense together.
    """
    started, scenario, run = reporter.clock(), request.scenario, Simulation(request.scenario, fleet)
    _check(request, run.assets)
    with ExitStack() as stack:
        archiver = stack.enter_context(Archiver(request.out, fleet)) if request.out else None
        keeping = _Keeping(archiver)
        slices = keeping.watching(run.delivered())
        _run(settings, fleet, request, slices, reporter)
        for _ in slices:  # what a seek, or a stop, has not sent is still part of the recording
            pass
        sha256 = keeping.digest.hexdigest()
        if archiver:
            _finish(archiver, run, sha256)
    if request.plot:
        _draw(settings, fleet, run, request, request.plot, reporter)
    return {
        "scenario": scenario.name,
        "assets": scenario.assets,
        "readings": keeping.readings,
        "shutdowns": keeping.shutdowns,
        "seconds": round(reporter.clock() - started, 3),
        "sha256": sha256,
    }


def _finish(archiver: Archiver, run: Simulation, sha256: str) -> None:
    """Write what really happened beside a recording, and its manifest."""
    archiver.write_truth("faults", run.faults, FaultRecord)
    archiver.write_truth("shutdowns", run.shutdowns, ShutdownRecord)
    source = f"scenario {run.scenario.name}, seed {run.scenario.seed}"
    archiver.finish(source, sha256, run.inventory)


def _check(request: SimulationRequest, assets: Sequence[str]) -> None:
    """Refuse a picture that could not be drawn in the end, and what nothing would come of."""
    plot, asset = request.plot, request.asset
    if plot is not None and plot.suffix not in _PICTURES:
        expected = f"a file that ends in one of {', '.join(_PICTURES)}"
        raise ConfigError("command line", "--plot", str(plot), expected)
    if asset is not None and plot is None:
        raise ConfigError("command line", "--asset", asset, "--plot beside it, the picture it is for")
    if asset is not None:
        chosen(asset, assets, ())
    if request.speed != MAX and not request.kafka:
        raise ConfigError("command line", "--speed", request.speed, "--kafka beside it, or max")


def _draw(
    settings: Settings,
    fleet: Fleet,
    run: Simulation,
    request: SimulationRequest,
    path: Path,
    reporter: Reporter,
) -> None:
    """Simulate once more, keeping one machine: which one is known only when all is over."""
    keep_cache_under(settings.home_path)
    asset = chosen(request.asset, run.assets, run.faults)
    with reporter.step(f"drawing {asset}"):
        again = Simulation(request.scenario, fleet)
        draw(life_of(asset, again.delivered(), run.faults), fleet, path)
    reporter.line(f"{asset} drawn in {path}")


def _run(
    settings: Settings,
    fleet: Fleet,
    request: SimulationRequest,
    slices: Iterator[TimeSlice],
    reporter: Reporter,
) -> None:
    span_ms, title = request.scenario.range_ms, f"simulating {request.scenario.name}"
    if request.kafka:
        playing = Playing(
            title,
            lambda from_ms: since(slices, from_ms),  # a simulation is only sought forward
            *span_ms,
            speed=request.speed,
            batch_s=request.batch_s,
        )
        sent = publish(settings, fleet, playing, reporter)
        reporter.line(f"{sent} messages sent to {settings.broker}")
        return
    with reporter.step(title) as advance:
        for _ in Meter(*span_ms, advance, reporter.clock).watching(slices):
            pass
