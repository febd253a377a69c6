from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from models.fleet.fleet import load_fleet
from models.telemetry.samples import Samples
from streams.kafka.connection import Connection
from streams.kafka.live_reader import Feed
from streams.kafka.topics import Topics, create_topics, partition_of
from streams.stage import Incoming
from streams.wire.telemetry import TelemetryDecoder

ROOT = Path(__file__).parents[3]
FLEET = load_fleet(ROOT / "fleets" / "chiller.toml")
PARTITIONS = 3


def taken(feed: Feed, count: int) -> list[Incoming]:
    found: list[Incoming] = []
    while len(found) < count:
        more = feed.poll(20.0)
        assert more, f"{len(found)} of {count} messages"
        found += more
    return found[:count]


def test_what_the_plain_gateway_sends_is_understood_and_stands_on_its_assets_partition(
    bootstrap: str,
) -> None:
    create_topics(Connection(bootstrap), Topics(), PARTITIONS)
    gateway = subprocess.Popen([sys.executable, ROOT / "examples" / "gateway.py", bootstrap])
    try:
        with Feed(Connection(bootstrap), ("telemetry",), PARTITIONS, from_start=True) as feed:
            messages = taken(feed, 2)
    finally:
        gateway.kill()
        gateway.wait()
    for message in messages:
        decoded = TelemetryDecoder(FLEET).one(message)
        assert isinstance(decoded.record, Samples)
        assert decoded.problems == ()
        assert partition_of(decoded.record.assets[0], PARTITIONS) == message.partition
