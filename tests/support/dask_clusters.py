"""A Dask cluster on this machine: a scheduler and workers, processes of their own, over TCP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import LocalCluster

from chillcast.cluster import running_loop


@contextmanager
def cluster_of(workers: int) -> Iterator[str]:
    """Yield the address of a cluster's scheduler."""
    start: Any = LocalCluster
    with (
        running_loop() as loop,
        start(n_workers=workers, threads_per_worker=1, dashboard_address=None, loop=loop) as found,
    ):
        yield found.scheduler_address
