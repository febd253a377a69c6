"""What a person at a terminal sees: progress bars, or plain lines if there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from models.telemetry.samples import TimeSlice, utc

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


class Meter:
    """Says of a stream of slices how far it is in fleet time, its readings a second, and a lag."""

    def __init__(
        self, start_ms: int, end_ms: int, advance: Advance, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._start_ms, self._end_ms, self._advance = start_ms, end_ms, advance
        self._clock, self._since, self._readings, self._rate = clock, clock(), 0, 0.0

    def watching(self, slices: Iterable[TimeSlice], lag: Callable[[], str] = str) -> Iterator[TimeSlice]:
        """Pass slices on; each is counted when the next is asked for."""
        for part in slices:
            yield part
            self._count(part.samples.values.size)
            share = (part.end_ms - self._start_ms) / max(self._end_ms - self._start_ms, 1)
            self._advance(share, f"{utc(part.end_ms)}  {self._rate / 1e6:.2f} M readings/s  {lag()}".rstrip())

    def _count(self, readings: int) -> None:
        """Keep the rate over the last second or more."""
        self._readings += readings
        passed = self._clock() - self._since
        if passed >= 1.0 or not self._rate:
            self._rate = self._readings / max(passed, 1e-9)
            self._since, self._readings = self._clock(), 0


def _whole(share: float) -> float:
    return min(max(share, 0.0), 1.0)
