from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from models.fleet import load_fleet
from models.frames import Frames
from streams.connection import Connection
from streams.kafka_log import incoming
from streams.telemetry import Decoded, decode_telemetry
from streams.topics import Topics, create_topics, partition_of

ROOT = Path(__file__).parents[2]
FLEET = load_fleet(ROOT / "fleets" / "chiller.toml")
PARTITIONS = 3


def test_what_the_plain_gateway_sends_is_understood_and_stands_on_its_assets_partition(
    bootstrap: str,
) -> None:
    create_topics(Connection(bootstrap), Topics(), PARTITIONS)
    gateway = subprocess.Popen([sys.executable, ROOT / "examples" / "gateway.py", bootstrap])
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=20_000
    )
    try:
        consumer.assign([TopicPartition("telemetry", p) for p in range(PARTITIONS)])
        messages = [incoming(next(consumer)) for _ in range(2)]
    finally:
        consumer.close()
        gateway.kill()
        gateway.wait()
    for message, decoded in zip(messages, decode_telemetry(messages, FLEET), strict=True):
        assert isinstance(decoded, Decoded)
        assert isinstance(decoded.record, Frames)
        assert decoded.problems == ()
        assert partition_of(decoded.record.assets[0], PARTITIONS) == message.partition
