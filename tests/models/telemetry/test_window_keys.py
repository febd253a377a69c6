from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.telemetry.samples import Float64
from models.telemetry.window_keys import WindowKeys


@dataclass(frozen=True, slots=True)
class Scored(WindowKeys):
    risk: Float64
    names: tuple[str, ...]


def scored() -> Scored:
    """Windows of a, b, a and b that end at 10, 20, 30 and 40."""
    asset = np.array([0, 1, 0, 1], np.int32)
    return Scored(("a", "b"), asset, np.arange(10, 50, 10), np.arange(8.0).reshape(4, 2), ("x", "y", "z"))


def test_rows_are_taken_of_every_array_and_nothing_else_is_cut() -> None:
    found = scored().take(np.array([3, 1]))
    assert (found.asset.tolist(), found.end_ms.tolist()) == ([1, 1], [40, 20])
    assert found.risk.tolist() == [[6.0, 7.0], [2.0, 3.0]]
    assert (found.assets, found.names) == (("a", "b"), ("x", "y", "z"))
    assert type(found) is Scored


def test_rows_can_be_masked() -> None:
    assert scored().take(np.array([True, False, False, True])).end_ms.tolist() == [10, 40]


def test_a_span_is_closed_at_its_start_and_open_at_its_end() -> None:
    assert scored().between(20, 40).end_ms.tolist() == [20, 30]


def test_machines_are_chosen_by_name() -> None:
    assert scored().of_assets("b".__eq__).end_ms.tolist() == [20, 40]


def test_the_keys_alone_begin_another_table() -> None:
    keys = WindowKeys(*scored().columns)
    assert len(keys) == 4
    assert keys.assets == ("a", "b")
