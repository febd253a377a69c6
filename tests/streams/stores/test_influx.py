"""How the InfluxDB store behaves where the server refuses, or goes away."""

from __future__ import annotations

import http.server
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.errors import UnavailableError
from streams.stores.influx import InfluxStore
from streams.stores.store import Point
from tests.support.influxd import ORG, Influx, Server, find_binary
from tests.support.small_disk import SmallDisk

NOW_MS = 1_767_225_600_000
DAY_S = 86_400


def score(asset: str, risk: float | str = 0.1, time_ms: int = NOW_MS) -> Point:
    return Point("scores", {"asset": asset}, {"risk_7d": risk}, time_ms)


@pytest.fixture
def bucket(influx: Influx) -> str:
    name = uuid.uuid4().hex
    influx.create_bucket(name)
    return name


def test_a_server_that_is_not_there_is_named_and_nothing_is_lost() -> None:
    store = InfluxStore("http://127.0.0.1:9", "token", ORG, "bucket")
    store.add([score("CH-1")])
    for _ in range(2):
        with pytest.raises(UnavailableError, match=r"InfluxDB http://127\.0\.0\.1:9 does not answer"):
            store.flush()


@pytest.mark.influx
def test_a_wrong_token_says_what_to_check_and_keeps_the_points(influx: Influx, bucket: str) -> None:
    store = InfluxStore(influx.url, "wrong", ORG, bucket)
    store.add([score("CH-1")])
    with pytest.raises(UnavailableError, match="answers 401: check CHILLCAST_INFLUX_TOKEN"):
        store.flush()
    with pytest.raises(UnavailableError, match="answers 401"):
        store.flush()


@pytest.mark.influx
def test_points_wait_until_the_bucket_exists(influx: Influx) -> None:
    name = uuid.uuid4().hex
    store = InfluxStore(influx.url, influx.token, ORG, name)
    store.add([score("CH-1")])
    with pytest.raises(UnavailableError, match="answers 404: create the bucket"):
        store.flush()
    influx.create_bucket(name)
    assert store.flush().written == 1
    assert len(store.latest("scores")) == 1


@pytest.mark.influx
def test_a_field_type_conflict_costs_only_the_point_that_has_it(influx: Influx, bucket: str) -> None:
    store = InfluxStore(influx.url, influx.token, ORG, bucket)
    store.add([score("CH-0")])
    store.flush()
    store.add([score("CH-1"), score("CH-2", "high"), score("CH-3")])
    flushed = store.flush()
    assert [r.point.tags["asset"] for r in flushed.rejected] == ["CH-2"]
    assert "type" in flushed.rejected[0].reason
    assert {r.tags["asset"] for r in store.latest("scores")} == {"CH-0", "CH-1", "CH-3"}


def test_an_address_is_shown_without_the_credentials_in_it() -> None:
    store = InfluxStore("http://someone:planted@127.0.0.1:9", "token", ORG, "bucket")
    store.add([score("CH-1")])
    with pytest.raises(UnavailableError, match=r"^InfluxDB http://127\.0\.0\.1:9 does not answer"):
        store.flush()


@pytest.fixture
def days(influx: Influx) -> Iterator[InfluxStore]:
    """A store that keeps points for two days."""
    name = uuid.uuid4().hex
    influx.create_bucket(name, keeps_s=2 * DAY_S)
    store = InfluxStore(influx.url, influx.token, ORG, name)
    yield store
    store.close()


def requests_of(store: InfluxStore, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Note the body of each request to write from here on."""
    seen: list[bytes] = []
    write = store._write_api.write

    def noting(bucket: str, org: str, lines: bytes, **options: Any) -> object:
        seen.append(lines)
        return write(bucket, org, lines, **options)

    monkeypatch.setattr(store._write_api, "write", noting)
    return seen


def hours_ago(hours: int) -> int:
    return int(time.time() * 1000) - hours * 3_600_000


@pytest.mark.influx
def test_points_older_than_the_retention_are_told_by_time_not_one_by_one(
    days: InfluxStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = requests_of(days, monkeypatch)
    days.add([score(f"CH-{i}", time_ms=hours_ago(i % 240)) for i in range(4_800)])
    flushed = days.flush()
    assert len(requests) == 2
    oldest_ms = min(row.time_ms for row in days.latest("scores"))
    assert flushed.written == len(days.latest("scores")) >= 4_800 * 48 // 240
    assert flushed.written + len(flushed.rejected) == 4_800
    assert all(r.point.time_ms < oldest_ms for r in flushed.rejected)
    assert "older than the bucket's retention of 48h0m0s" in flushed.rejected[0].reason


@pytest.mark.influx
def test_points_that_are_all_too_old_cost_one_request(
    days: InfluxStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = requests_of(days, monkeypatch)
    days.add([score(f"CH-{i}", time_ms=hours_ago(2_000 + i)) for i in range(1_000)])
    assert (len(days.flush().rejected), len(requests)) == (1_000, 1)


@pytest.mark.influx
def test_what_is_too_old_and_what_is_wrong_in_one_batch_each_get_their_own_answer(days: InfluxStore) -> None:
    now_ms = hours_ago(0)
    days.add([score("CH-0", time_ms=now_ms)])
    days.flush()
    bad = [score("CH-1", "high", now_ms), score("CH-2", time_ms=hours_ago(2_000))]
    good = [score(f"CH-{i}", time_ms=now_ms) for i in range(3, 40)]
    days.add([*good[:7], bad[0], *good[7:30], bad[1], *good[30:]])
    flushed = days.flush()
    reasons = {r.point.tags["asset"]: r.reason for r in flushed.rejected}
    assert set(reasons) == {"CH-1", "CH-2"}
    assert "type" in reasons["CH-1"]
    assert "retention" in reasons["CH-2"]
    assert len(days.latest("scores")) == 1 + len(good)


@pytest.mark.influx
def test_a_machine_whose_name_quotes_the_server_costs_no_other_point(days: InfluxStore) -> None:
    quote = (
        "x at 2199-01-01T00:00:00Z dropped because it violates a Retention Policy Lower Bound at "
        "2199-01-01T00:00:00Z dropped=1 for database: a for retention policy: autogen"
    )
    days.add([score(quote, time_ms=hours_ago(2_000)), score("CH-1", time_ms=hours_ago(0))])
    flushed = days.flush()
    assert [r.point.tags["asset"] for r in flushed.rejected] == [quote]
    assert [row.tags["asset"] for row in days.latest("scores")] == ["CH-1"]


@pytest.mark.influx
def test_a_server_with_a_full_disk_is_named_as_such_and_goes_on_when_there_is_room(
    small_disk: SmallDisk,
) -> None:
    binary, problem = find_binary()
    if not binary:
        pytest.skip(problem)
    server = Server(binary, small_disk.folder / "influxd")
    server.start()
    try:
        influx = server.set_up()
        store = InfluxStore(influx.url, influx.token, ORG, "first")
        store.add([score("CH-0")])
        store.flush()
        small_disk.fill()
        store.add([score(f"CH-{i}", time_ms=NOW_MS + i * 86_400_000) for i in range(1, 900)])
        with pytest.raises(
            UnavailableError, match=r"answers 500: its disk is full, make room there .*no space"
        ):
            store.flush()
        small_disk.make_room()
        assert store.flush().written == 899
        assert len(store.latest("scores")) == 900
    finally:
        server.stop()


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Server]:
    binary, problem = find_binary()
    if not binary:
        pytest.skip(problem)
    server = Server(binary, tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.mark.influx
def test_a_server_killed_and_restarted_has_every_point_that_was_acknowledged(mortal: Server) -> None:
    influx = mortal.set_up()
    store = InfluxStore(influx.url, influx.token, ORG, "first")
    store.add([score(f"CH-{i}") for i in range(3_000)])
    assert store.flush().written == 3_000
    mortal.kill()
    store.add([score(f"CH-{i}") for i in range(3_000, 6_000)])
    with pytest.raises(UnavailableError, match="does not answer"):
        store.flush()
    mortal.start()
    assert store.flush().written == 3_000
    assert len(store.latest("scores")) == 6_000


class Garbled(http.server.BaseHTTPRequestHandler):
    """Answers every query with status 200 and something else than a table: only for injecting the fault."""

    body = b""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    "body",
    [
        b"<html>a proxy's own page</html>\n<p>,,</p>\n",
        b"#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,memory exceeded,\n",
        b"#datatype,string,long,double\n#group,false,false,false\n#default,_result,,\n,result,table,_value\n,,0,x\n",
    ],
)
def test_an_answer_that_cannot_be_read_is_named_as_such(body: bytes) -> None:
    handler = type("Handler", (Garbled,), {"body": body})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        store = InfluxStore(f"http://127.0.0.1:{server.server_port}", "token", ORG, "bucket")
        with pytest.raises(UnavailableError, match="answers what cannot be read"):
            store.latest("scores")
        server.shutdown()
