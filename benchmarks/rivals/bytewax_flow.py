"""Mean, minimum and maximum of each sensor over sliding windows, in Bytewax; words as for Quix.

Each window folds NumPy arrays of all sensors: Bytewax has no aggregates of its own.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import bytewax.operators as op
import bytewax.operators.windowing as win
import numpy as np
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main
from meter import Meter

HOUR = timedelta(hours=1)


def fold(state: tuple, sample: tuple) -> tuple:
    """Take one sample into count, sum, minimum and maximum."""
    n, total, low, high = state
    values = sample[1]
    return n + 1, total + values, np.minimum(low, values), np.maximum(high, values)


def merge(a: tuple, b: tuple) -> tuple:
    """Merge two windows."""
    return a[0] + b[0], a[1] + b[1], np.minimum(a[2], b[2]), np.maximum(a[3], b[3])


def main() -> None:
    """Run until enough is counted."""
    broker, topic, sensors, messages, warm, *hours = sys.argv[1:]
    meter, width = Meter(int(messages), int(warm)), int(sensors)
    keys = [f"s{i}" for i in range(width)]

    def read(message: object) -> tuple:
        meter.count()
        record = json.loads(message.value)
        at = datetime.fromtimestamp(record["time"] / 1000, UTC)
        return record["asset"], (at, np.array([record["values"][key] for key in keys]))

    def empty() -> tuple:
        return 0, np.zeros(width), np.full(width, np.inf), np.full(width, -np.inf)

    flow = Dataflow("windows")
    source = op.input("in", flow, KafkaSource([broker], [topic], tail=False, batch_size=10))
    samples = op.map("read", source, read)
    clock = win.EventClock(lambda sample: sample[0], wait_for_system_duration=2 * HOUR)
    for hour in map(int, hours):
        windower = win.SlidingWindower(hour * HOUR, HOUR, datetime(2020, 1, 1, tzinfo=UTC))
        windows = win.fold_window(f"w{hour}", samples, clock, windower, empty, fold, merge)
        op.inspect(f"out{hour}", op.filter(f"none{hour}", windows.down, lambda _: False))
    run_main(flow)


if __name__ == "__main__":
    main()
