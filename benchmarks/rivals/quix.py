"""Mean, minimum and maximum of each sensor over hopping windows, in Quix Streams.

Words: broker, topic, sensors, messages to be counted, messages before them, hours of each window.
"""

from __future__ import annotations

import sys
import tempfile

from meter import Meter
from quixstreams import Application
from quixstreams.dataframe.windows.aggregations import Max, Mean, Min

HOUR_MS = 3_600_000


def main() -> None:
    """Run until enough is counted."""
    broker, topic, sensors, messages, warm, *hours = sys.argv[1:]
    meter = Meter(int(messages), int(warm))
    keys = [f"s{i}" for i in range(int(sensors))]
    figures = {f"{kind.__name__}_{key}": kind(key) for key in keys for kind in (Mean, Min, Max)}
    app = Application(
        broker_address=broker,
        consumer_group=f"quix-{topic}",
        auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(prefix="quix-"),
    )
    source = app.topic(
        topic, value_deserializer="json", timestamp_extractor=lambda value, *_: int(value["time"])
    )
    samples = app.dataframe(source).apply(lambda value: value["values"])
    for hour in map(int, hours):
        options = {"grace_ms": 2 * HOUR_MS, "name": f"w{hour}"}
        if hour == 1:  # where a window is as long as its hop, Quix calls it tumbling
            window = samples.tumbling_window(HOUR_MS, **options)
        else:
            window = samples.hopping_window(hour * HOUR_MS, HOUR_MS, **options)
        window.agg(**figures).final().to_topic(app.topic(f"{topic}-quix", value_serializer="json"))
    samples.update(lambda _: meter.count())
    app.run()


if __name__ == "__main__":
    main()
