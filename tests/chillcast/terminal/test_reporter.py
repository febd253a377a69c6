from __future__ import annotations

import io

from rich.console import Console

from chillcast.terminal.reporter import Meter, Reporter
from models.event_time import DAY_MS
from tests.support.tidy_telemetry import clean


def test_without_a_terminal_a_step_is_two_plain_lines() -> None:
    out = io.StringIO()
    ticks = iter([0.0, 1.0, 2.5])
    reporter = Reporter(Console(file=out), clock=lambda: next(ticks))
    with reporter.step("training") as advance:
        advance(0.5, "half")
    assert out.getvalue() == "training …\ntraining: done in 2.5 s\n"


def test_a_long_step_says_how_far_it_is_now_and_then() -> None:
    out = io.StringIO()
    ticks = iter([0.0, 11.0, 11.0, 12.0])
    reporter = Reporter(Console(file=out), clock=lambda: next(ticks))
    with reporter.step("replay") as advance:
        advance(0.25, "day 3")
    assert "  replay: 25% day 3\n" in out.getvalue()


def test_with_a_terminal_a_step_is_a_bar() -> None:
    out = io.StringIO()
    reporter = Reporter(Console(file=out, force_terminal=True, width=120))
    with reporter.step("training") as advance:
        advance(0.5, "")
    assert "100%" in out.getvalue()


def test_text_from_outside_is_not_read_as_markup() -> None:
    out = io.StringIO()
    Reporter(Console(file=out)).line("asset [red]CH-1[/red]")
    assert out.getvalue() == "asset [red]CH-1[/red]\n"


def test_a_meter_says_share_time_rate_and_lag_and_passes_every_slice_on() -> None:
    slices, said = list(clean()), list[tuple[float, str]]()
    ticks = iter(range(100))
    meter = Meter(
        slices[0].start_ms,
        slices[-1].end_ms,
        lambda share, text: said.append((share, text)),
        lambda: float(next(ticks)),
    )
    assert list(meter.watching(slices, lambda: "lag 7")) == slices
    assert len(said) == len(slices)
    share, text = said[0]
    assert share == DAY_MS / (slices[-1].end_ms - slices[0].start_ms)
    rate = slices[0].samples.values.size / 1e6
    assert text == f"1970-01-03 00:00  {rate:.2f} M readings/s  lag 7"
    assert said[-1][0] == 1.0
