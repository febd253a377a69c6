"""InfluxDB is set up once, and again without a change; its tokens may do what they are for, and no more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient

from models.errors import UnavailableError
from models.event_time import DAY_MS
from streams.stores.influx import InfluxStore
from streams.stores.influx_setup import READER, WRITER, InfluxSetup, Retention, SetUp
from streams.stores.store import Point
from tests.support.commands import chillcast
from tests.support.influxd import ORG, Influx

pytestmark = pytest.mark.influx
_NUMBERS = iter(range(1000))


@pytest.fixture
def bucket() -> str:
    return f"setup{next(_NUMBERS)}"


@pytest.fixture
def found(influx: Influx, bucket: str) -> Iterator[SetUp]:
    with closing(InfluxSetup(influx.url, influx.token, ORG, bucket)) as server:
        yield server.run(Retention(30, 400))


def again(influx: Influx, bucket: str, retention: Retention) -> SetUp:
    with closing(InfluxSetup(influx.url, influx.token, ORG, bucket)) as server:
        return server.run(retention)


def test_all_is_made_and_the_second_time_kept(influx: Influx, bucket: str, found: SetUp) -> None:
    assert {step.done for step in found.steps} == {"made"}
    second = again(influx, bucket, Retention(30, 400))
    assert {step.done for step in second.steps} == {"kept"}
    assert second.tokens == found.tokens


def test_another_retention_changes_its_bucket_alone(influx: Influx, bucket: str, found: SetUp) -> None:
    changed = again(influx, bucket, Retention(60, 400))
    assert [(s.what, s.name) for s in changed.steps if s.done == "changed"] == [("bucket", bucket)]


def test_the_writer_writes_and_does_not_read(influx: Influx, bucket: str, found: SetUp) -> None:
    point = Point("scores", {"asset": "CH-1"}, {"risk_14d": 0.5}, int(time.time() * 1000))
    with closing(InfluxStore(influx.url, found.tokens[WRITER], ORG, bucket)) as store:
        store.add([point])
        assert store.flush().written == 1
        with pytest.raises(UnavailableError):
            store.latest("scores")


def test_the_reader_reads_and_does_not_write(influx: Influx, bucket: str, found: SetUp) -> None:
    with closing(InfluxStore(influx.url, found.tokens[READER], ORG, bucket)) as store:
        assert store.latest("scores") == []
        store.add([Point("scores", {"asset": "CH-1"}, {"risk_14d": 0.5}, int(time.time() * 1000))])
        with pytest.raises(UnavailableError):
            store.flush()


def test_no_token_reaches_another_bucket(influx: Influx, found: SetUp) -> None:
    with (
        closing(InfluxStore(influx.url, found.tokens[READER], ORG, "first")) as store,
        pytest.raises(UnavailableError),
    ):
        store.latest("scores")


def test_the_task_keeps_a_day_as_its_highest_and_mean(influx: Influx, bucket: str, found: SetUp) -> None:
    day_ms = int(time.time() * 1000) // DAY_MS * DAY_MS - DAY_MS
    risks = {0: 0.2, 6: 0.6, 23: 0.1}
    with closing(InfluxStore(influx.url, found.tokens[WRITER], ORG, bucket)) as store:
        tags = {"asset": "CH-1"}
        store.add(
            Point("scores", tags, {"risk_14d": r, "model": "1"}, day_ms + h * DAY_MS // 24)
            for h, r in risks.items()
        )
        store.flush()
    with InfluxDBClient(url=influx.url, token=influx.token, org=ORG) as client:
        (task,) = client.tasks_api().find_tasks(name=f"{bucket}_daily")
        client.tasks_api().run_manually(task.id, datetime.now(UTC) + timedelta(seconds=1))
    expected, deadline = {f"risk_14d_{kind}" for kind in ("max", "mean")}, time.monotonic() + 60
    with closing(InfluxStore(influx.url, found.tokens[READER], ORG, f"{bucket}_daily")) as store:
        while {
            name for r in store.history("scores", "CH-1", day_ms, day_ms + 1) for name in r.fields
        } != expected:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        (row,) = store.history("scores", "CH-1", day_ms, day_ms + 1)
    assert row.fields == pytest.approx({"risk_14d_max": 0.6, "risk_14d_mean": 0.3})


def test_a_token_that_may_not_is_told_what_is_needed(influx: Influx, bucket: str, found: SetUp) -> None:
    with (
        closing(InfluxSetup(influx.url, found.tokens[WRITER], ORG, bucket)) as server,
        pytest.raises(UnavailableError, match="CHILLCAST_INFLUX_ADMIN_TOKEN"),
    ):
        server.run(Retention())


def test_the_command_writes_tokens_to_a_file_of_the_owner_and_nowhere_else(
    influx: Influx, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"URL": influx.url, "ADMIN_TOKEN": influx.token, "BUCKET": bucket, "ORG": ORG}
    for name, value in settings.items():
        monkeypatch.setenv(f"CHILLCAST_INFLUX_{name}", value)
    out = tmp_path / "influx.env"
    first = chillcast("influx", "setup", "--out", str(out), home=None)
    assert first.returncode == 0, first.stderr
    lines = dict(line.split("=", 1) for line in out.read_text(encoding="utf-8").splitlines())
    assert set(lines) == {"INFLUX_WRITER_TOKEN", "INFLUX_READER_TOKEN"}
    assert not any(token in first.stdout + first.stderr for token in lines.values())
    assert out.stat().st_mode & 0o077 == 0
    refused = chillcast("influx", "setup", "--out", str(out), home=None)
    assert "--out" in refused.stderr
