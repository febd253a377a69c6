"""A gateway in plain kafka-python: one named sample per chiller every 15 minutes.

python examples/gateway.py localhost:9092
"""

import json
import random
import sys
import time
from datetime import UTC, datetime

from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers=sys.argv[1], acks="all")
while True:
    for asset in ("CH-0001", "CH-0002"):
        values = {"chw_leaving_temp": random.gauss(6.7, 0.2), "chw_entering_temp": random.gauss(12.1, 0.3)}
        sample = {"asset": asset, "time": datetime.now(UTC).isoformat(), "values": values}
        # The key decides the partition, and so keeps the samples of one chiller in order.
        producer.send("telemetry", json.dumps(sample).encode(), key=asset.encode())
    producer.flush()
    time.sleep(900)
