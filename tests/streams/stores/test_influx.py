"""How the InfluxDB store behaves where the server refuses, or goes away."""

from __future__ import annotations

import http.server
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import UnavailableError
from streams.stores.influx import InfluxStore
from streams.stores.store import Point
from tests.support.influxd import ORG, Influx, Server, find_binary

NOW_MS = 1_767_225_600_000


def score(asset: str, risk: float | str = 0.1) -> Point:
    return Point("scores", {"asset": asset}, {"risk_7d": risk}, NOW_MS)


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
