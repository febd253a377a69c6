from __future__ import annotations

import io

from rich.console import Console

from chillcast.reporter import Reporter


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
