"""Which store: InfluxDB if a URL is configured, the embedded one otherwise."""

from __future__ import annotations

from pathlib import Path

from streams.stores.influx import InfluxStore
from streams.stores.sqlite import SqliteStore
from streams.stores.sqlite_reader import SqliteReader
from streams.stores.store import Store


def open_store(url: str | None, token: str, org: str, bucket: str, path: Path) -> Store:
    """Return a store; the URL of InfluxDB 2 wins over the path of the embedded store."""
    if url:
        return InfluxStore(url, token, org, bucket)
    return SqliteStore(path)


def open_reader(url: str | None, token: str, org: str, bucket: str, path: Path) -> InfluxStore | SqliteReader:
    """Return what reads the same store; it writes nothing, and need not be there yet."""
    if url:
        return InfluxStore(url, token, org, bucket)
    return SqliteReader(path)
