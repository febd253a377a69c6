"""`chillcast drift` writes what the store holds of drift as a page of its own."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chillcast.drift.report import DriftReport
from chillcast.retraining.memory import Memory, Run, memory_of
from models.cases.book import CaseBook
from models.event_time import DAY_MS
from streams.records import Drift
from streams.stages.sink import drift_point
from streams.stores.case_points import case_point
from streams.stores.sqlite import SqliteStore
from streams.stores.store import Point
from tests.support.case_life import CONTINUES_D, signal
from tests.support.commands import printed, refused

START_MS = 20_000 * DAY_MS
HOSTILE = "<script>alert(1)</script>\"'&"


def told(cause: str, day: int, **given: Any) -> Drift:
    said = {"value": -1.2, "unit": "K", "deviations": -3.0, "text": f"{cause} of {HOSTILE}", **given}
    return Drift(detector="fleet", cause=cause, time_ms=START_MS + day * DAY_MS, **said)


def worth(week: int, **given: Any) -> Drift:
    said = {"value": 0.061, "estimated": 0.052, "labels": 80, "coverage": 0.75, "age_d": 21.0, **given}
    return Drift(detector="performance", time_ms=START_MS + 7 * week * DAY_MS, text="a week", **said)


SIGNALS = (
    told("sensor", 3, asset=HOSTILE, sensor="evap_approach", machines=[HOSTILE]),
    told("machine", 5, asset="CH-2", sensor="cond_approach", machines=["CH-2"]),
    told(
        "population",
        9,
        segment=f"model={HOSTILE}",
        machines=["CH-2", "CH-3"],
        psi=0.4,
        ks=0.31,
        wasserstein=0.7,
    ),
    told("season", 12, machines=["CH-2"], value=0.04, unit="1"),
    told("label-delay", 20, value=20.0, unit="d", deviations=0.0),
    Drift(detector="adwin-errors", time_ms=START_MS + 25 * DAY_MS, value=0.4, text="labels are worse"),
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that is seen up to day 30, and holds nothing of drift."""
    store = SqliteStore(tmp_path / "store.db")
    reached_ms = START_MS + 30 * DAY_MS
    store.add([Point("watermarks", {"partition": "0"}, {"time_ms": float(reached_ms), "end": 0.0}, START_MS)])
    store.flush()
    store.close()
    return tmp_path


def tell(home: Path, *signals: Drift) -> None:
    store = SqliteStore(home / "store.db")
    store.add([drift_point(one, 0) for one in signals])
    assert store.flush().rejected == ()
    store.close()


def reported(home: Path, *words: str) -> DriftReport:
    return msgspec.json.decode(printed("drift", "--home", str(home), "--json", *words), type=DriftReport)


def page_of(home: Path) -> str:
    return (home / "drift" / "report.html").read_text(encoding="utf-8")


def test_every_class_is_told_with_its_evidence_and_its_effect_in_the_unit_of_the_sensor(home: Path) -> None:
    tell(home, *SIGNALS, worth(1), worth(2))
    report = reported(home)
    assert list(report.classes.values()) == [1, 1, 1, 1, 1, 1]
    assert [one.said for one in report.signals] == [
        "-1.2 K",
        "-1.2 K",
        "-1.2 K",
        "+4.0%",
        "+20 d",
        "+40.0%",
    ]
    many = report.signals[2]
    assert (many.psi, many.ks, many.wasserstein, many.machines) == (0.4, 0.31, 0.7, ["CH-2", "CH-3"])
    assert [(week.foretold, week.realised, week.coverage, week.age_d) for week in report.weeks] == [
        (0.052, 0.061, 0.75, 21.0)
    ] * 2
    page = unescape(page_of(home))
    assert all(f"{name}: " in page for name in report.classes)
    assert "PSI 0.40, KS 0.31, Wasserstein 0.7 K" in page
    assert page.count('<circle class="of-') == 6
    assert page.count('<circle class="realised"') == 2


def test_a_hostile_name_is_escaped_and_the_page_needs_nothing_else(home: Path) -> None:
    tell(home, *SIGNALS, worth(1))
    reported(home)
    page = page_of(home)
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"https?:|<script|<link|<img|\{\{|\bnan\b", page)
    assert json.loads((home / "drift" / "report.json").read_text())["signals"][0]["machines"] == [HOSTILE]


def test_what_was_done_about_a_machine_is_its_case_and_about_many_the_next_retraining(home: Path) -> None:
    day = 20_000
    tell(home, *SIGNALS)
    case = CaseBook(CONTINUES_D).hear(signal("open", day + 6, asset="CH-2")).case
    assert case is not None
    store = SqliteStore(home / "store.db")
    store.add([case_point(case)])
    store.flush()
    store.close()
    runs = [
        Run(
            number=n,
            trigger="drift",
            why="it moved",
            as_of_ms=START_MS + at * DAY_MS,
            result="promoted",
            version="7",
        )
        for n, at in ((1, 2), (2, 14))
    ]
    memory_of(home, "chiller").write(Memory(over=tuple(runs)))
    done = [one.done for one in reported(home).signals]
    assert done[1] == f"case {case.case}: new"
    assert done[0] == done[4] == done[5] == ""
    assert done[2] == done[3] == "retraining 2 (drift: it moved): promoted, version 7"


def test_a_time_is_asked_for_by_its_ends(home: Path) -> None:
    tell(home, *SIGNALS, worth(1), worth(3))
    report = reported(home, "--from", "2024-10-12", "--until", "2024-10-17")
    assert [one.cause for one in report.signals] == ["population", "season"]
    assert (report.from_[:10], report.weeks) == ("2024-10-12", [])


def test_a_fleet_without_drift_is_told_so(home: Path) -> None:
    assert "nothing was told" in printed("drift", "--home", str(home))
    assert "No drift with a name was told in this time" in page_of(home)
    assert "No week was told" in page_of(home)


def test_scores_without_a_label_are_told_as_foretold_alone(home: Path) -> None:
    tell(home, worth(1, value=0.0, labels=0, coverage=0.0, age_d=0.0))
    (week,) = reported(home).weeks
    assert (week.foretold, week.realised, week.coverage, week.age_d) == (0.052, None, None, None)
    assert "log-loss" in page_of(home)


def test_a_time_that_nothing_has_come_as_far_as_is_refused(home: Path, tmp_path: Path) -> None:
    assert "nothing of this time" in refused("drift", "--home", str(home), "--from", "2030-01-01")
    assert "nothing of this time" in refused("drift", "--home", str(tmp_path / "other"))


def test_a_terminal_is_told_how_many_of_each_class_and_the_last_week(home: Path) -> None:
    tell(home, *SIGNALS, worth(1))
    said = printed("drift", "--home", str(home))
    assert re.search(r"label delay +1", said)
    assert re.search(r"realised +0.061", said)
