"""What a person at a terminal sees: progress bars, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

Advance = Callable[[float, str], None]

_PLAIN_EVERY_S = 10.0


class Reporter:
    """Writes progress and lines to standard error, so that standard output stays for results."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self.clock = clock

    def line(self, text: str) -> None:
        """Write one line; it appears above a running progress bar."""
        self.console.print(text, markup=False, soft_wrap=True)

    def alarm(self, text: str) -> None:
        """Write one line that asks for attention."""
        self.console.print(f"ALARM {text}", style="bold red", markup=False, soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Advance]:
        """Show a step; call what it yields with the share done, 0 to 1, and a word of detail."""
        run = self._bar if self.console.is_terminal else self._plain
        with run(title) as advance:
            yield advance

    @contextmanager
    def _bar(self, title: str) -> Iterator[Advance]:
        columns = (
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}"),
        )
        with Progress(*columns, console=self.console, refresh_per_second=5) as progress:
            task = progress.add_task(title, total=1.0, detail="")

            def advance(share: float, detail: str = "") -> None:
                progress.update(task, completed=_whole(share), detail=detail)

            yield advance
            progress.update(task, completed=1.0)

    @contextmanager
    def _plain(self, title: str) -> Iterator[Advance]:
        started = last = self.clock()
        self.line(f"{title} …")

        def advance(share: float, detail: str = "") -> None:
            nonlocal last
            if self.clock() - last >= _PLAIN_EVERY_S:
                last = self.clock()
                self.line(f"  {title}: {_whole(share):.0%} {detail}".rstrip())

        yield advance
        self.line(f"{title}: done in {self.clock() - started:.1f} s")


def _whole(share: float) -> float:
    return min(max(share, 0.0), 1.0)
