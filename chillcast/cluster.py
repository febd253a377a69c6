"""Tasks on a Dask cluster: learning past one machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from types import ModuleType
from typing import Any

from models.errors import ConfigError, UnavailableError
from models.learning.task_pool import LocalPool, TaskPool

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
        distributed = _distributed()
        try:
            yield self.client.get_executor(pure=False)
        except (distributed.KilledWorker, distributed.CommClosedError, OSError) as error:
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
def _connected(address: str) -> Iterator[Any]:
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise UnavailableError(f"Dask cluster {address}: {error}") from error
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
