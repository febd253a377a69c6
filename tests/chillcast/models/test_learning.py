"""Whoever learns what is normal sees how far it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from chillcast.models import learning
from chillcast.terminal.reporter import Advance, Reporter
from models.fleet.fleet import Fleet, load_fleet
from models.telemetry.samples import TimeSlice
from tests.support.commands import ROOT
from tests.support.toy_fleet import HOP, samples_of


class Shares(Reporter):
    """Keeps the shares that are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shares: list[float] = []

    @contextmanager
    def step(self, title: str) -> Iterator[Advance]:
        assert title
        yield lambda share, _: self.shares.append(share)


def test_learning_what_is_normal_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: Fleet, slices: Iterable[TimeSlice]) -> None:
        assert len(list(slices)) == 4

    monkeypatch.setattr(learning, "fit_expectation", read)
    slices = [TimeSlice(n * HOP, (n + 1) * HOP, samples_of([])) for n in range(2, 8)]
    reporter = Shares()
    learning.expect(load_fleet(ROOT / "fleets" / "chiller.toml"), slices, 6 * HOP, reporter)
    assert reporter.shares == [0.25, 0.5, 0.75, 1.0]
