"""Where tasks are done side by side: in this process, in others of this machine, or on a cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

_SPAWN = multiprocessing.get_context("spawn")  # not forked: LightGBM's threads would not come along


@dataclass(frozen=True, slots=True)
class Place:
    """A process that does tasks: the name of its machine for others, and what takes tasks for it alone.

    ``is_there`` tells whether it still runs, if tasks that wait for it for ever would not; ``stop`` ends it
    whatever it does.
    """

    host: str
    executor: Executor
    is_there: Callable[[], bool]
    stop: Callable[[], None]


class TaskPool(Protocol):
    """Does as many tasks at a time as it is wide; what comes of one does not depend on where it is done."""

    @property
    def width(self) -> int:
        """Tasks at a time."""

    def opened(self, *, fresh: bool = False) -> AbstractContextManager[Executor]:
        """Return what takes tasks until it is closed.

        A ``fresh`` one does each in a process of its own, which gives its memory back, if it can.
        """

    def apart(self) -> AbstractContextManager[Sequence[Place]]:
        """Return the processes one by one, until they are closed: for tasks that have to run together."""


@dataclass(frozen=True, slots=True)
class LocalPool:
    """Processes of this machine; a single task at a time is done in this one."""

    width: int = 1

    @contextmanager
    def opened(self, *, fresh: bool = False) -> Iterator[Executor]:
        """Yield what takes tasks."""
        if self.width == 1 and not fresh:
            yield _Here()
            return
        with ProcessPoolExecutor(self.width, _SPAWN, max_tasks_per_child=1 if fresh else None) as executor:
            yield executor

    @contextmanager
    def apart(self) -> Iterator[Sequence[Place]]:
        """Yield so many processes."""
        with ExitStack() as stack:
            made = [stack.enter_context(ProcessPoolExecutor(1, _SPAWN)) for _ in range(self.width)]
            yield [_place(executor) for executor in made]


HERE = LocalPool()


def _place(executor: Executor) -> Place:
    process = executor.submit(os.getpid).result()
    return Place("127.0.0.1", executor, lambda: True, partial(_kill, process))


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


class _Here(Executor):
    """Does each task at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return what came of a task."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done
