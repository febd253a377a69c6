"""An empty store of each kind."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from streams.stores.influx import InfluxStore
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Store
from tests.support.influxd import ORG, Influx

STORES = ["sqlite", pytest.param("influx", marks=pytest.mark.influx)]


def opened(request: pytest.FixtureRequest, folder: Path) -> Store:
    """Return an empty store of the kind that the test asks for; it is closed after the test."""
    store: Store
    if request.param == "sqlite":
        store = SqliteStore(folder / "store.db")
    else:
        influx: Influx = request.getfixturevalue("influx")
        bucket = uuid.uuid4().hex
        influx.create_bucket(bucket)
        store = InfluxStore(influx.url, influx.token, ORG, bucket)
    request.addfinalizer(store.close)
    return store
