"""The example of a Telegraf configuration, run: from the registers of a controller to samples at home."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from models.fleet.fleet import load_fleet
from models.telemetry.samples import Samples
from streams.kafka.connection import Connection
from streams.kafka.live_reader import Feed
from streams.kafka.topics import Topics, partition_of
from streams.stage import Incoming
from streams.stages.rekey import RekeyStage
from streams.wire.telemetry import TelemetryDecoder
from tests.support.modbus import ModbusController

pytestmark = pytest.mark.kafka
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "telegraf"
PARTITIONS = 3
ENERGY_KWH = 18_228_935  # more than float32 can count
REGISTERS = (615, 1250, ENERGY_KWH >> 16, ENERGY_KWH & 0xFFFF, 1)


@pytest.fixture(scope="module")
def telegraf() -> str:
    """The real program; built once if Go is there."""
    script = ROOT / "scripts" / "telegraf.sh"
    found = subprocess.run([script], capture_output=True, text=True, check=False)
    if found.returncode == 3:
        pytest.skip(found.stderr.strip().splitlines()[-1])
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def sent(telegraf: str, kafka: Connection) -> list[Incoming]:
    """Run Telegraf once; return what it wrote to the topic of the example."""
    admin = KafkaAdminClient(**kafka.kafka_python())
    if "gateway" not in admin.list_topics():
        admin.create_topics([NewTopic("gateway", PARTITIONS, 1)])
    admin.close()
    with (
        ModbusController(REGISTERS) as controller,
        Feed(kafka, ["gateway"], PARTITIONS, from_start=False) as reader,
    ):
        environment = {**os.environ, "CONTROLLER": controller.address, "BROKER": str(kafka)}
        command = [telegraf, "--config", str(EXAMPLE / "telegraf.conf"), "--once"]
        ran = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return reader.poll(30.0)


def test_what_the_example_reads_of_a_controller_stands_at_home_with_its_total_whole(
    telegraf: str, kafka: Connection
) -> None:
    fleet = load_fleet(EXAMPLE / "pumps.toml")
    (message,) = sent(telegraf, kafka)
    assert message.key == b"P1"
    (block,) = RekeyStage(fleet, Topics(), PARTITIONS).process([message])
    assert (block.topic, block.partition) == ("telemetry", partition_of("P1", PARTITIONS))
    home = Incoming("telemetry", block.partition or 0, 0, block.key, block.value, block.content_type)
    decoded = TelemetryDecoder(fleet).one(home)
    assert decoded.problems == ()
    assert isinstance(decoded.record, Samples)
    np.testing.assert_allclose(decoded.record.values, [[61.5, 12.5, ENERGY_KWH, 1.0]], rtol=1e-12)
    assert abs(decoded.record.time_ms[0] / 1000 - time.time()) < 180
