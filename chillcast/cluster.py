"""Tasks on a Dask cluster: learning past one machine."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from threading import Thread
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from models.errors import ConfigError, UnavailableError
from models.learning.task_pool import LocalPool, Place, TaskPool

_CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class ClusterPool:
    """The workers of a cluster, each thread of which does a task at a time."""

    client: Any
    width: int
    address: str

    @contextmanager
    def opened(self, *, fresh: bool = False) -> Iterator[Executor]:  # noqa: ARG002  (workers stay)
        """Yield what takes tasks; a worker keeps its memory, however ``fresh``.

        Raises UnavailableError if the cluster goes away, or a task has ended several workers.
        """
        with self._reached():
            yield self.client.get_executor(pure=False)

    @contextmanager
    def apart(self) -> Iterator[Sequence[Place]]:
        """Yield the workers; raises UnavailableError if the cluster goes away."""
        with self._reached():
            yield [self._place(worker) for worker in sorted(self.client.nthreads())]

    def _place(self, worker: str) -> Place:
        return Place(
            str(urlsplit(worker).hostname),
            self.client.get_executor(pure=False, workers=[worker]),
            lambda: worker in self.client.nthreads(),
            lambda: self._stop(worker),
        )

    def _stop(self, worker: str) -> None:
        if worker in self.client.nthreads():
            self.client.restart_workers([worker], raise_for_error=False)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        distributed = _distributed()
        try:
            yield
        except (distributed.KilledWorker, OSError) as error:  # a connection that closed is one of the latter
            raise UnavailableError(f"Dask cluster {self.address}: {error}") from error


@contextmanager
def pool_of(processes: int | None, address: str | None) -> Iterator[TaskPool]:
    """Yield the pool that a command line asks for: so many processes, else one per core; or a cluster.

    Raises ConfigError if both are asked for, and UnavailableError if there is no such cluster.
    """
    if address is None:
        yield LocalPool(processes or os.cpu_count() or 1)
        return
    if processes is not None:
        expected = "nothing beside --dask: a cluster does as many tasks at a time as its workers have threads"
        raise ConfigError("command line", "--processes", processes, expected)
    with _connected(address) as client:
        yield ClusterPool(client, _width(client, address), address)


@contextmanager
def running_loop() -> Iterator[Any]:
    """Yield an event loop that runs in a thread of its own, for a Dask client or cluster.

    Theirs fails if the thread has not begun within ten seconds, which a busy machine overruns.
    """
    from tornado import ioloop  # noqa: PLC0415  (comes with Dask)

    started: Future[tuple[Any, asyncio.Event]] = Future()

    async def run() -> None:
        stop = asyncio.Event()
        started.set_result((ioloop.IOLoop.current(), stop))
        await stop.wait()

    def begin() -> None:
        try:
            asyncio.run(run())
        except OSError as error:  # no more files may be opened
            started.set_exception(error)

    thread = Thread(target=begin, name="Dask", daemon=True)
    thread.start()
    loop, stop = started.result()
    try:
        yield loop
    finally:
        gc.collect()  # a client that nobody holds closes itself, which needs the loop
        loop.add_callback(stop.set)
        thread.join()


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    distributed = _distributed()
    with ExitStack() as stack:
        try:
            loop = stack.enter_context(running_loop())
            client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False, loop=loop)
        except (OSError, ValueError, RuntimeError) as error:
            # Its frames would hold the client beyond the end of the loop.
            raise UnavailableError(f"Dask cluster {address}: {error}") from error.with_traceback(None)
        with client:
            yield client


def _width(client: Any, address: str) -> int:
    """Return how many threads the workers have; refuse workers of another chillcast, and none at all."""
    threads = client.nthreads()
    if not threads:
        raise UnavailableError(f"Dask cluster {address}: has no workers; dask worker {address}")
    for worker, found in client.run(version, "chillcast").items():
        if found != _own_version():
            raise UnavailableError(f"Dask worker {worker}: has chillcast {found}, not {_own_version()}")
    return int(sum(threads.values()))


def _own_version() -> str:
    return version("chillcast")


def _distributed() -> ModuleType:
    try:
        import distributed  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise UnavailableError("Dask is not installed: pip install 'chillcast[cluster]'") from error
    return distributed
