"""Who is told of the toy fleet's cases, and what has to come of the log of notices as it was heard."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from pydantic import SecretStr

from chillcast.settings import Settings
from models.delivery.notice import Beat, Parcel, Report
from models.delivery.plan import Plan
from models.delivery.routes import Routes, read_routes
from models.delivery.watch import Watched
from models.fleet.inventory import NOTHING
from streams.kafka.topics import NOTICES_HOME, Topics
from streams.stage import Incoming, Outgoing
from streams.stages.delivery import DeliveryStage
from streams.wire import codec
from tests.kafka.elements import Element
from tests.kafka.toy import PARTITIONS

CHANNELS = ("ops", "pager")
_NOW_MS = 1_800_000_000_000
_ROUTES = """
[[routes]]
name = "each"
channels = ["ops"]
[[routes.escalations]]
after_h = 0.003
channels = ["pager"]

[[routes]]
name = "together"
channels = ["pager"]
severities = ["critical"]
group_by = "route"
group_wait_s = 2
"""


def told_at(settings: Settings, address: str) -> Settings:
    """Return settings by which people are told at a webhook."""
    path = settings.home_path / "routes.toml"
    path.write_text(_ROUTES, encoding="utf-8")
    channels = {name: f"json://{address}/{name}" for name in CHANNELS}
    more = {"routes": str(path), "channels": SecretStr(json.dumps(channels))}
    return settings.model_copy(update=more)


class Nobody:
    """Delivers nothing, and beats for nobody."""

    by, number = "", 0

    def offer(self, parcels: Sequence[Parcel]) -> None:
        """Leave it."""


class Tellings:
    """Follows the log of notices: what is on record of it, and which notices have to arrive."""

    def __init__(self, topics: Topics, folder: Path) -> None:
        path = folder / "told.toml"
        path.write_text(_ROUTES, encoding="utf-8")
        routes = read_routes(path, CHANNELS, "")
        self.topics, self.planned = topics, set[str]()
        self.beating, self.failed, self.is_fresh = set[str](), 0, False
        self.stages = [_stage(topics, routes) for _ in range(PARTITIONS)]

    def take(self, message: Incoming) -> list[Outgoing]:
        """Return what is on record of a message."""
        out = list(self.stages[message.partition].process([message]))
        if message.content_type == codec.BEAT and message.partition == NOTICES_HOME:
            self.is_fresh = False
            self.planned |= {parcel.key for parcel in self.waiting}
            self.beating.add(msgspec.json.decode(message.value or b"{}").get("by", ""))
        elif message.content_type == codec.CASE_NEWS:
            self.is_fresh = True
        elif message.content_type == codec.REPORT:
            self.failed += not msgspec.json.decode(message.value or b"{}").get("sent", True)
        return out

    @property
    def waiting(self) -> list[Parcel]:
        """What has not arrived yet."""
        return self.stages[NOTICES_HOME].plan.outbox.waiting

    @property
    def is_done(self) -> bool:
        """Whether everybody has been told of everything."""
        plan = self.stages[NOTICES_HOME].plan
        watched = [w for asset in plan.assets for w in plan.remember(asset)]
        return not (self.is_fresh or self.waiting or any(w.wants or _escalates(w) for w in watched))

    def arrived(self, keys: Sequence[str]) -> Iterator[Element]:
        """Yield each notice that arrived; more doubles than are documented are something strange."""
        counts = Counter(keys)
        yield from (("delivery", ("arrived", key), b"") for key in counts)
        doubled = counts.total() - len(counts)
        if doubled > len(CHANNELS) * len(self.beating) + self.failed:
            yield "delivery", ("doubled", doubled), b""

    def expected(self) -> Iterator[Element]:
        """Yield each notice that has to arrive."""
        yield from (("delivery", ("arrived", key), b"") for key in self.planned)


def quietly(news: Sequence[tuple[int, Outgoing]], folder: Path) -> dict[int, list[Incoming]]:
    """Return a log of notices in which all there is to say is said, and arrives, at once."""
    topics = Topics()
    follows = Tellings(topics, folder)
    out: dict[int, list[Incoming]] = {p: [] for p in range(PARTITIONS)}

    def says(partition: int, message: Outgoing) -> None:
        kind, offset = message.content_type, len(out[partition])
        heard = Incoming(topics.notices, partition, offset, message.key, message.value, kind)
        out[partition].append(heard)
        follows.take(heard)

    for partition, message in news:
        says(partition, message)
    for number in range(2):
        beat = Beat(by="us", number=number, time_ms=_NOW_MS + 10_000 * number)
        says(NOTICES_HOME, codec.beat(topics.notices, beat))
        for parcel in follows.waiting:
            report = Report(parcel.key, 1, sent=True, time_ms=beat.time_ms)
            says(NOTICES_HOME, codec.report(topics.notices, report))
    return out


def recorded(notices: Mapping[int, Sequence[Incoming]], folder: Path) -> Iterator[tuple[int, Outgoing]]:
    """Yield partition and message of all that is on record of a log of notices."""
    follows = Tellings(Topics(), folder)
    for message in itertools.chain(*notices.values()):
        yield from ((message.partition, out) for out in follows.take(message))


def _escalates(watched: Watched) -> bool:
    """Return whether nobody has acknowledged a case, and others are to be told of it yet."""
    case, told = watched.case, watched.told.get("each")
    waits = case.is_open and not case.acknowledged and not case.snoozed
    return waits and told is not None and told.steps == 0


def _stage(topics: Topics, routes: Routes) -> DeliveryStage:
    return DeliveryStage(topics, lambda: Plan(routes, NOTHING), Nobody(), Nobody())
