"""Tasks on a real Dask cluster: a scheduler and two workers, processes of their own, over TCP."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from chillcast import cluster
from chillcast.cluster import pool_of, running_loop
from models.errors import ConfigError, UnavailableError
from models.learning.task_pool import LocalPool
from tests.support.dask_clusters import cluster_of
from tests.support.divided_fleet import divided
from tests.support.rising_fleet import written


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with cluster_of(2) as found:
        yield found


def test_a_set_trained_on_a_cluster_is_byte_for_byte_that_of_this_machine(
    address: str, tmp_path: Path
) -> None:
    with pool_of(None, address) as pool:
        assert pool.width == 2
        there = written(divided(tmp_path, pool=pool), tmp_path / "there")
    assert there == written(divided(tmp_path), tmp_path / "here")


def test_tasks_of_a_cluster_are_done_in_other_processes(address: str) -> None:
    with pool_of(None, address) as pool, pool.opened(fresh=True) as executor:
        assert os.getpid() not in {executor.submit(os.getpid).result() for _ in range(4)}


def test_an_error_in_a_task_arrives_as_what_it_is(address: str) -> None:
    with pool_of(None, address) as pool, pool.opened() as executor, pytest.raises(ConfigError, match="size"):
        executor.submit(_refuse).result()


def test_without_a_cluster_there_are_as_many_processes_as_wished() -> None:
    with pool_of(3, None) as pool:
        assert pool == LocalPool(3)


def test_a_number_of_processes_beside_a_cluster_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="--processes = 2: expected nothing"), pool_of(2, address):
        pass


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("wrong", ["tcp://127.0.0.1:1", "nowhere"])
def test_a_cluster_that_does_not_answer_is_refused_with_its_address(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_S", 1.0)
    with pytest.raises(UnavailableError, match=f"Dask cluster {wrong}"), pool_of(None, wrong):
        pass


def test_a_cluster_without_workers_is_refused() -> None:
    with (
        cluster_of(0) as empty,
        pytest.raises(UnavailableError, match="has no workers"),
        pool_of(None, empty),
    ):
        pass


def test_a_loop_that_takes_long_to_start_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = asyncio.run

    def late(main: Coroutine[Any, Any, None]) -> None:
        time.sleep(0.5)
        begin(main)

    monkeypatch.setattr(asyncio, "run", late)
    with running_loop() as loop:
        assert loop.asyncio_loop.is_running()
    assert loop.asyncio_loop.is_closed()


def test_workers_of_another_version_are_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_own_version", lambda: "0.0.1")
    with pytest.raises(UnavailableError, match=r"not 0\.0\.1"), pool_of(None, address):
        pass


def _refuse() -> None:
    raise ConfigError("file", "size", 3, "something else")
