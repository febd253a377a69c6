"""What a machine costs in a day: bytes, memory and processor time of every stage, and what fleets of it need.

Simulated chillers of the shipped fleet go through the stages in memory, scored by the shipped model; 30 days
warm the long windows up, and the days after count. ``python -m benchmarks.sizing PERIOD_S:MACHINES …``: one
run for each, with so many machines in the partition and a sample of each every so many seconds.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path

import msgspec

from chillcast.models.learning import pretrained_for
from chillcast.shipped import find_file
from models.features.expectation import Expectation
from models.features.expectation_fit import fit_expectation
from models.fleet.fleet import Fleet, load_fleet
from models.risk.hazard import RiskModel
from models.risk.model_set import ModelSet
from models.store.feature_store import FeatureStore, StoredSchema, stored_schema
from models.telemetry.samples import TimeSlice
from simulators.fleet.scenario import Scenario, load_scenario
from simulators.fleet.simulation import Simulation
from simulators.replay.replay import replay
from streams.kafka.topics import Topics
from streams.stage import Deciding, Flushing, Incoming, Outgoing, Remembering, Stage
from streams.stages.features import FeatureStage
from streams.stages.landing import LandingStage
from streams.stages.risk import RiskStage
from streams.stages.sink import SinkStage
from streams.stores.sqlite import SqliteStore
from tests.support.model_pools import Held

WARM, DAYS = 30, 4
TOPICS = Topics()


@dataclass
class Cost:
    """What a number of machine-days came to: processor seconds by stage, bytes and messages by topic."""

    cpu_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    out_bytes: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Count the processor time of what is done within."""
        begun = time.process_time()
        yield
        self.cpu_s[stage] += time.process_time() - begun

    def count(self, message: Outgoing | Incoming) -> None:
        """Count a message."""
        self.out_bytes[message.topic] += len(message.value or b"") + len(message.key or b"")
        self.messages[message.topic] += 1


class Site:
    """All stages of one partition, in memory."""

    def __init__(self, fleet: Fleet, expectation: Expectation, model: RiskModel, folder: Path) -> None:
        self.fleet, self.folder, self.cost, self.offset = fleet, folder, Cost(), 0
        features = FeatureStage(fleet, TOPICS, 1, expectation)
        schema = features.kernel.schema
        pool = Held()
        pool.promote("1", ModelSet(replace(model, fingerprint=schema.fingerprint)))
        described: tuple[StoredSchema, Expectation] = stored_schema(schema), expectation
        self.stages: dict[str, Stage] = {
            "features": features,
            "risk": RiskStage(fleet, TOPICS, schema, pool),
            "sink": SinkStage(SqliteStore(folder / "store.db"), TOPICS),
            "landing": LandingStage(FeatureStore(folder / "windows"), TOPICS, lambda _: described),
        }

    def take(self, slices: Iterable[TimeSlice]) -> None:
        """Send slices through all stages."""
        waiting: list[Outgoing] = []

        def passed(_: int) -> None:
            self._pass(waiting)
            waiting.clear()

        replay(
            slices,
            self.fleet,
            partitions=1,
            telemetry=TOPICS.telemetry,
            send=lambda _, message: waiting.append(message),
            pace=passed,
        )
        self._pass(waiting)

    def state_bytes(self, stage: str) -> int:
        """Return the size of what a stage remembers."""
        found = self.stages[stage]
        assert isinstance(found, Remembering)
        return sum(len(key) + len(value) for key, value in found.delta())

    def disk_bytes(self, name: str) -> int:
        """Return the size of a file, or of all below a folder."""
        path = self.folder / name
        return sum(f.stat().st_size for f in ([path] if path.is_file() else path.rglob("*")) if f.is_file())

    def _pass(self, telemetry: list[Outgoing]) -> None:
        windows = self._through("features", telemetry)
        said = self._through("risk", [m for m in windows if m.topic == TOPICS.features])
        self._through("landing", [m for m in windows if m.topic == TOPICS.features])
        self._through("sink", [m for m in said if m.topic != TOPICS.shadow])

    def _through(self, name: str, sent: list[Outgoing]) -> list[Outgoing]:
        received = [self._received(message) for message in sent]
        for message in received:
            self.cost.count(message)
        stage = self.stages[name]
        with self.cost.of(name):
            if isinstance(stage, Deciding):
                stage.before_batch(self.offset, seen=False)
            out = list(stage.process(received))
            if isinstance(stage, Flushing):
                out += asyncio.run(_flushed(stage))
        return out

    def _received(self, message: Outgoing) -> Incoming:
        self.offset += 1
        return Incoming(
            message.topic, 0, self.offset, message.key or None, message.value, message.content_type
        )


async def _flushed(stage: Flushing) -> list[Outgoing]:
    return list(await stage.flush())


def measured(period_s: int, machines: int) -> dict[str, float]:
    """Return what one of so many machines comes to in a day: bytes, and milliseconds."""
    fleet = load_fleet(find_file("chiller", "fleet"))
    pretrained = pretrained_for(fleet)
    fleet = replace(fleet, sampling=replace(fleet.sampling, period_s=period_s))
    scenario: Scenario = replace(
        load_scenario(find_file("demo", "scenario")), assets=machines, days=WARM + DAYS, period_s=period_s
    )
    first = islice(Simulation(scenario, fleet).slices(), WARM)
    fitted = fit_expectation(fleet, first)
    assert fitted is not None
    assert pretrained is not None
    slices = Simulation(scenario, fleet).slices()
    with tempfile.TemporaryDirectory(prefix="sizing-") as folder:
        site = Site(fleet, fitted.expectation, pretrained.model, Path(folder))
        site.take(islice(slices, WARM))
        before = {name: site.disk_bytes(name) for name in ("store.db", "windows")}
        site.cost = Cost()
        site.take(chain(slices))
        return _figures(site, before, machines)


def _figures(site: Site, before: dict[str, int], machines: int) -> dict[str, float]:
    days = machines * DAYS
    sent = {f"{name}, bytes": count / days for name, count in site.cost.out_bytes.items()}
    disk = {f"{name}, bytes": (site.disk_bytes(name) - size) / days for name, size in before.items()}
    spent = {f"{name}, ms": 1000 * s / days for name, s in site.cost.cpu_s.items()}
    kept = {f"state of {name}, bytes": site.state_bytes(name) / machines for name in ("features", "risk")}
    return {**sent, **disk, **spent, **kept}


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["900:32", "900:128", "60:32"]
    found = {one: measured(*map(int, one.split(":"))) for one in wanted}
    print(msgspec.json.format(msgspec.json.encode(found)).decode())
