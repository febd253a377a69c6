"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.influxd import Influx, serving


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """A real InfluxDB 2 server; where none can be had, the test is skipped with the reason."""
    with serving(tmp_path_factory.mktemp("influxd")) as found:
        if isinstance(found, str):
            pytest.skip(found)
        yield found
