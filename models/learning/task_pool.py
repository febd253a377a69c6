"""Where tasks are done side by side: in this process, in others of this machine, or on a cluster."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol


class TaskPool(Protocol):
    """Does as many tasks at a time as it is wide; what comes of one does not depend on where it is done."""

    @property
    def width(self) -> int:
        """Tasks at a time."""

    def opened(self, *, fresh: bool = False) -> AbstractContextManager[Executor]:
        """Return what takes tasks until it is closed.

        A ``fresh`` one does each in a process of its own, which gives its memory back, if it can.
        """


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
        # Not forked: LightGBM's threads would not come along.
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.width, spawn, max_tasks_per_child=1 if fresh else None) as executor:
            yield executor


HERE = LocalPool()


class _Here(Executor):
    """Does each task at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return what came of a task."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done
