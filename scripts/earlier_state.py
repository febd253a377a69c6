"""Records what an earlier version leaves behind, as test data of the upgrade: earlier_state.py COMMIT.

The commit is unpacked into a folder of its own and run there, with its own code and its own toys; what it
left goes to ``tests/earlier/COMMIT.tar.xz``. `record` is run by that version: it may use only what both have.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[1]
EARLIER = ROOT / "tests" / "earlier"
SEED, DAYS, HOURS = 7, 24, 30
_LOOKED_AT = 100  # lives, of which the longest is taken


class Tapped:
    """A stage whose messages, outputs and saved state are written down, as its worker would save them."""

    def __init__(self, stage: Any) -> None:
        from streams.state.snapshots import Snapshots  # noqa: PLC0415

        self.stage, self.snapshots = stage, Snapshots("state", stage.identity)
        self.messages: list[Any] = []
        self.outputs: list[Any] = []
        self.state: list[Any] = []
        self.saved = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stage, name)

    def process(self, received: Sequence[Any]) -> Iterator[Any]:
        """Process messages, which follow each other."""
        given = [replace(m, offset=len(self.messages) + i) for i, m in enumerate(received)]
        self.messages += given
        out = list(self.stage.process(given))
        self.outputs += out
        return iter(out)

    def save(self) -> None:
        """Save what is remembered now."""
        self.saved = len(self.messages)
        self.state += self.snapshots.write(self.stage.delta(), self.saved)

    def recorded(self) -> bytes:
        """Return all of it, as `tests.support.earlier` reads it."""
        said = {
            "identity": self.stage.identity,
            "saved": self.saved,
            "messages": [[m.topic, m.key, m.value, m.content_type, m.arrived_ms] for m in self.messages],
            "state": [[o.key, o.value] for o in self.state],
            "outputs": [[o.topic, o.key, o.value, o.content_type] for o in self.outputs],
        }
        return msgspec.msgpack.encode(said)


def record(folder: Path) -> None:
    """Let this version leave behind what it leaves: run in a folder that holds its code."""
    stages = {"features": _features(), "risk": _risk(), "cases": _cases(), "delivery": _delivery()}
    (folder / "stages").mkdir(parents=True)
    for name, tapped in stages.items():
        (folder / "stages" / f"{name}.msgpack").write_bytes(tapped.recorded())
    outputs = [output for tapped in stages.values() for output in tapped.outputs]
    _store(folder / "store.db", outputs)
    _landed(folder / "features" / "toy", stages["features"].outputs)
    _bundles(folder / "bundles" / "toy")
    secrets = _access(folder)
    (folder / "secrets.json").write_bytes(msgspec.json.encode(secrets))


def _saved_twice(tapped: Tapped, steps: Sequence[Any], act: Callable[[Any], object]) -> Tapped:
    """Take all steps, and save after a third and after two thirds of them."""
    for i, step in enumerate(steps):
        if i in (len(steps) // 3, 2 * len(steps) // 3):
            tapped.save()
        act(step)
    return tapped


def _features() -> Tapped:
    from streams.stages.features import FeatureStage  # noqa: PLC0415
    from tests.support.feature_telemetry import TOPICS, telemetry  # noqa: PLC0415
    from tests.support.restorable_steps import crowded  # noqa: PLC0415

    tapped = Tapped(FeatureStage(crowded(), TOPICS, 1))
    return _saved_twice(tapped, telemetry(SEED, HOURS), lambda one: tapped.process([one]))


def _risk() -> Tapped:
    from tests.support.restorable_steps import HYSTERESIS, scored  # noqa: PLC0415
    from tests.support.restorables import Succession  # noqa: PLC0415

    one: Any = Succession(HYSTERESIS).born()
    tapped = Tapped(one.stage)
    return _saved_twice(tapped, scored(SEED, DAYS, promotes=False), lambda step: tapped.process([step]))


def _life() -> list[Any]:
    """Return a rich life of cases: of some, that a fixed seed gives, the longest."""
    from hypothesis import given, settings  # noqa: PLC0415

    from tests.support.case_life import lives  # noqa: PLC0415

    found: list[list[Any]] = []

    @settings(derandomize=True, max_examples=_LOOKED_AT, database=None, deadline=None)
    @given(lives())
    def look(life: list[Any]) -> None:
        found.append(life)

    look()
    return max(found, key=len)


def _cases() -> Tapped:
    from models.cases.book import CaseBook  # noqa: PLC0415
    from models.cases.people import Command  # noqa: PLC0415
    from models.event_time import DAY_MS  # noqa: PLC0415
    from streams.stages.case_desk import CaseDesk  # noqa: PLC0415
    from tests.support.case_life import CONTINUES_D, fresh  # noqa: PLC0415
    from tests.support.restorables import moves  # noqa: PLC0415
    from tests.support.risk_messages import TOPICS  # noqa: PLC0415

    book, steps = CaseBook(CONTINUES_D * DAY_MS), list[Any]()
    for step in _life():
        steps.append(fresh(book, step) if isinstance(step, Command) else step)
        book.ask(steps[-1]) if isinstance(step, Command) else book.hear(step)
    tapped = Tapped(CaseDesk(TOPICS, 1, CONTINUES_D))
    return _saved_twice(tapped, moves(steps), lambda one: tapped.process([one]))


def _delivery() -> Tapped:
    from tests.support.restorable_delivery import Delivering, told_of  # noqa: PLC0415

    one: Any = Delivering()
    one.stage = tapped = Tapped(one.stage)
    return _saved_twice(tapped, told_of(_life(), SEED), one.act)


def _arrived(outputs: Iterable[Any]) -> list[Any]:
    from streams.stage import Incoming  # noqa: PLC0415

    return [Incoming(o.topic, 0, i, o.key, o.value, o.content_type) for i, o in enumerate(outputs)]


def _store(path: Path, outputs: Sequence[Any]) -> None:
    """Let the sink write all that it reads of what the stages said."""
    from streams.stages.sink import SinkStage  # noqa: PLC0415
    from streams.stores.sqlite import SqliteStore  # noqa: PLC0415
    from tests.support.risk_messages import TOPICS  # noqa: PLC0415

    wanted = (TOPICS.scores, TOPICS.alerts, TOPICS.cases, TOPICS.drift, TOPICS.deliveries)
    store = SqliteStore(path)
    stage = SinkStage(store, TOPICS)
    list(stage.process(_arrived(o for o in outputs if o.topic in wanted)))
    asyncio.run(stage.flush())
    store.close()


def _landed(folder: Path, outputs: Sequence[Any]) -> None:
    """Let windows and events land, name them as a dataset, and know something of a machine."""
    from models.features.schema import FeatureSchema  # noqa: PLC0415
    from models.fleet.inventory import Inventory  # noqa: PLC0415
    from models.store.dataset import Catalogue, select  # noqa: PLC0415
    from models.store.feature_store import FeatureStore, stored_schema  # noqa: PLC0415
    from streams.stages.landing import LandingStage  # noqa: PLC0415
    from tests.support.feature_telemetry import START, TOPICS  # noqa: PLC0415
    from tests.support.restorable_steps import crowded  # noqa: PLC0415

    store, schema = FeatureStore(folder), stored_schema(FeatureSchema(crowded()))
    stage = LandingStage(store, TOPICS, lambda _: (schema, None))
    list(stage.process(_arrived(o for o in outputs if o.topic == TOPICS.features)))
    asyncio.run(stage.flush())
    store.keep_inventory(Inventory({"a1": {"site": "north", "timezone": "Europe/Berlin"}}))
    Catalogue(store).keep(select(store, "toy", START, START + HOURS * 3_600_000))


def _bundles(folder: Path) -> None:
    """Write two versions, and promote one after the other."""
    from tests.support.promoted_bundles import Home  # noqa: PLC0415
    from tests.support.restorable_steps import machines, versions  # noqa: PLC0415

    home = Home(folder, machines())
    for version in ("1", "2"):
        home.write(version, versions()[version])
        home.promote(version)


def _access(folder: Path) -> dict[str, str]:
    """Let people be there, one of them signed in, and a program with a token; return what opens the door."""
    from streams.access.roles import Person  # noqa: PLC0415
    from tests.support.people import BY, Hand, door_with  # noqa: PLC0415

    door = door_with(folder, Hand())
    session = door.sessions.begin(Person("viewer", "viewer", "session", "here"))
    return {"session": session, "token": door.tokens.create("program", "viewer", 90, BY)}


def _packed(folder: Path, path: Path) -> None:
    """Pack a folder, the same bytes for the same content."""
    with tarfile.open(path, "w:xz", preset=9) as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = tarfile.TarInfo(str(file.relative_to(folder)))
            data = file.read_bytes()
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def main(commit: str) -> None:
    """Unpack a commit, let it record, and pack what it left."""
    git = ["git", "-C", str(ROOT)]
    log = [*git, "log", "-1", "--format=%h %cI %s", "--abbrev=10", commit]
    name, date, words = subprocess.run(log, check=True, capture_output=True, text=True).stdout.split(" ", 2)
    with tempfile.TemporaryDirectory() as text:
        code, left = Path(text) / "code", Path(text) / "left"
        code.mkdir()
        tree = subprocess.run([*git, "archive", commit], check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(tree)) as archive:
            archive.extractall(code, filter="data")
        command = [sys.executable, str(Path(__file__).resolve()), "--record", str(left)]
        subprocess.run(command, cwd=code, check=True, env={**os.environ, "PYTHONPATH": str(code)})
        about = {
            "commit": name,
            "date": date,
            "words": words.strip(),
            "recorded": f"{dt.datetime.now(dt.UTC):%Y-%m-%d}",
        }
        (left / "version.json").write_bytes(msgspec.json.encode(about))
        EARLIER.mkdir(exist_ok=True)
        _packed(left, EARLIER / f"{name}.tar.xz")


if __name__ == "__main__":
    if sys.argv[1] == "--record":
        record(Path(sys.argv[2]))
    else:
        main(sys.argv[1])
