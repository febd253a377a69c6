"""Trees over more rows than one machine holds: each process of a pool reads the rows of some fleets."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, BrokenExecutor, Future, wait
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb

from chillcast.pretraining.part import About, read_part
from models.errors import UnavailableError
from models.fleet.training import Training
from models.learning.task_pool import Place, TaskPool
from models.risk.peers import Peers, without_addresses
from models.risk.pool import grow

_LOOK_S = 1.0

Part = tuple[Path, About]


@dataclass(frozen=True, slots=True)
class Share:
    """What one process learns from, and with whom."""

    parts: tuple[Part, ...]
    training: Training
    seed: int
    peers: Peers


def grow_together(
    parts: Sequence[Part], training: Training, seed: int, pool: TaskPool
) -> tuple[lgb.Booster, int]:
    """Return trees over the rows of all parts, and how many processes grew them.

    Each has to see the folders of the parts. The same parts, and as many processes, give the same trees;
    another number of processes sums in another order, and gives others. Raises UnavailableError if one of
    them goes away.
    """
    with pool.apart() as found:
        places = found[: len(parts)]
        try:
            text = _grown(parts, training, seed, places)
        except (lgb.basic.LightGBMError, BrokenExecutor, OSError) as error:
            hosts = ", ".join(place.host for place in places)
            raise UnavailableError(f"learning in processes on {hosts}: {error}") from error
    return lgb.Booster(model_str=text), len(places)


def _grown(parts: Sequence[Part], training: Training, seed: int, places: Sequence[Place]) -> str:
    ports: list[int] = []
    for place in places:
        ports.append(place.executor.submit(free_port, tuple(ports)).result())
    machines = tuple(f"{place.host}:{port}" for place, port in zip(places, ports, strict=True))
    tasks = [
        place.executor.submit(
            _grow, Share(tuple(parts[n :: len(places)]), training, seed, Peers(machines, port))
        )
        for n, (place, port) in enumerate(zip(places, ports, strict=True))
    ]
    try:
        return _first(tasks, places)
    except BaseException:
        for place in places:
            place.stop()
        raise


def _first(tasks: Sequence[Future[str]], places: Sequence[Place]) -> str:
    """Return what came of the first task once all are done, and raise what one raises as soon as it does.

    If a process goes away, the others are not waited for: LightGBM would wait for it for ever.
    """
    while True:
        done, waiting = wait(tasks, _LOOK_S, FIRST_EXCEPTION)
        for task in done:
            task.result()
        if not waiting:
            return tasks[0].result()
        if not all(place.is_there() for place in places):
            raise OSError("one of them went away")


def free_port(taken: Sequence[int]) -> int:
    """Return a port that nothing listens at, other than those ``taken``."""
    while True:
        with socket.socket() as one:
            one.bind(("", 0))
            port = int(one.getsockname()[1])
        if port not in taken:
            return port


def _grow(share: Share) -> str:
    pools = [read_part(path, about) for path, about in share.parts]
    return without_addresses(grow(pools, share.training, share.seed, share.peers))
