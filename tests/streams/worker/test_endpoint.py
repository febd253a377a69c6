from __future__ import annotations

import socket
import struct
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from models.errors import ConfigError
from streams.worker.endpoint import Endpoint, serve
from streams.worker.health import Health


def endpoint(host: str = "127.0.0.1", port: int = 0) -> Endpoint:
    return serve(host, port, CollectorRegistry(), Health())


def test_a_port_in_use_is_refused_by_name() -> None:
    with endpoint() as first:
        said = rf"CHILLCAST_METRICS_PORT = {first.port}: expected a free port on 127\.0\.0\.1"
        with pytest.raises(ConfigError, match=said):
            endpoint(port=first.port)


def test_a_host_that_is_not_ours_is_refused() -> None:
    said = r"CHILLCAST_METRICS_PORT = 0: expected a free port on 192\.0\.2\.1"
    with pytest.raises(ConfigError, match=said):
        endpoint("192.0.2.1")


def test_a_closed_endpoint_gives_its_port_back() -> None:
    with endpoint() as closed:
        pass
    with socket.create_server(("127.0.0.1", closed.port)) as again:
        assert again.getsockname()[1] == closed.port


@pytest.mark.parametrize("place", ["/", "/healthz", "/healthz/alive", "/healthz/live/", "/metrics/x"])
def test_a_place_that_is_none_is_not_there_so_that_a_misspelt_probe_fails(place: str) -> None:
    with endpoint() as served, pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{served.port}{place}", timeout=5)


def test_who_goes_away_or_sends_nothing_leaves_no_traceback(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.worker.endpoint._Quiet.timeout", 0.1)
    with endpoint() as served:
        with socket.create_connection(("127.0.0.1", served.port)) as silent:
            assert silent.recv(1) == b""
        with socket.create_connection(("127.0.0.1", served.port)) as rude:
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            rude.sendall(b"GET /metrics HTTP/1.0\r\n")
    assert capfd.readouterr().err == ""


def test_whoever_sends_nothing_holds_nobody_up() -> None:
    with endpoint() as served, socket.create_connection(("127.0.0.1", served.port)):
        url = f"http://127.0.0.1:{served.port}/healthz/live"
        with urllib.request.urlopen(url, timeout=5) as answer:
            assert answer.status == 200
