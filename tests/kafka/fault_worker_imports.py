"""What workers of any stage import and compile: loaded once, by the process they are forked off."""

from __future__ import annotations

import itertools

import streams.champions.promotion_watch
import streams.stages.alert_relay
import streams.stages.case_desk
import streams.stages.delivery
import streams.stages.landing
import streams.stages.risk
import streams.stages.sink
import streams.stores.sqlite  # noqa: F401
from models.learning.history import History
from streams.processes.die_with_parent import tether
from tests.kafka.toy import fleet, telemetry

tether()

for _ in History(fleet(), itertools.islice(telemetry().slices(), 12)).until(1 << 62):
    pass
