"""Clients that are slow on purpose, against a real server."""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import socket
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from streams.page.server import Patience, create_server

BIG = 50_000_000
ASK = b"GET /%s HTTP/1.1\r\nhost: localhost\r\n\r\n"


async def answer(request: Request) -> Response:
    return PlainTextResponse("x" * (BIG if request.url.path == "/big" else 5))


APP = Starlette(routes=[Route("/{path}", answer)])


@contextlib.contextmanager
def serving(patience: Patience) -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = create_server(APP, "error", patience)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        yield listener.getsockname()[:2]
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def connect(address: tuple[str, int], sent: bytes) -> socket.socket:
    client = socket.create_connection(address, timeout=30)
    client.sendall(sent)
    return client


def read_all(client: socket.socket) -> bytes:
    """Read until the other side ends it, cleanly or not."""
    read = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while got := client.recv(1 << 20):
            read += got
    return bytes(read)


def asked(address: tuple[str, int], path: bytes = b"small") -> bytes:
    with connect(address, ASK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") % path) as client:
        return read_all(client)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /small HTTP/1.1\r\n",
        b"GET /small HTTP/1.1\r\nhost: localhost\r\nx: ",
        ASK % b"small" + b"GET",
    ],
)
def test_a_client_that_does_not_finish_its_question_is_let_go(sent: bytes) -> None:
    with serving(Patience(ask_s=0.2, answer_s=0.2)) as address, connect(address, sent) as client:
        assert read_all(client).count(b"200 OK") == sent.count(b"\r\n\r\n")


def test_a_client_that_does_not_take_its_answer_is_let_go() -> None:
    with serving(Patience(answer_s=0.2)) as address:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with client:
            client.connect(address)
            client.sendall(ASK % b"big")
            time.sleep(1.0)
            client.settimeout(30)
            assert len(read_all(client)) < BIG


def test_a_question_beyond_all_measure_is_refused() -> None:
    with (
        serving(Patience()) as address,
        connect(address, b"GET /small HTTP/1.1\r\nx: " + b"y" * 20_000) as client,
    ):
        assert b"400 Bad Request" in read_all(client)


def test_who_waits_longest_for_its_client_gives_way_to_a_new_one() -> None:
    with serving(Patience(ask_s=60, connections=8)) as address, contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connect(address, b"GET /small")) for _ in range(8)]
        assert b"200 OK" in asked(address)
        assert read_all(slow[0]) == b""
        slow[7].sendall(b" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        assert b"200 OK" in read_all(slow[7])


def few_files(told: Connection) -> None:
    """Serve in a process that may have 128 files open, and say where."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        told.send(listener.getsockname()[:2])
        create_server(APP, "critical").run([listener])


def test_more_slow_clients_than_there_may_be_files_keep_nobody_out() -> None:
    here, there = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=few_files, args=(there,), daemon=True)
    server.start()
    try:
        address = here.recv()
        with contextlib.ExitStack() as stack:
            for _ in range(300):
                stack.enter_context(connect(address, b"GET /small HTTP/1.1\r\n"))
            assert b"200 OK" in asked(address)
    finally:
        server.kill()
        server.join()
