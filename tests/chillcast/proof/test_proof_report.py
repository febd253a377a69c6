"""What is written of a proof, and that the document says the same."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import msgspec
import pytest

from chillcast.proof.outcome import PolicyRow, SweepRow
from chillcast.proof.plant import Plant, Stop, plant_of
from chillcast.proof.policies import POLICIES, Site, tallies
from chillcast.proof.proof import in_tables, report_of
from chillcast.proof.proof_config import load_proof_config
from chillcast.proof.report import AssumedRow, NotSaid, ProofReport, number, share, write
from chillcast.proof.tally import Count
from chillcast.proof.work import Call
from chillcast.skill.report import JudgedFleet
from models.event_time import DAY_MS
from scripts.proof_figures import filled
from tests.support.proof_plants import MONDAY_MS, SHIPPED, SPAN_MS, growing

DOCUMENT = Path("docs/proof.md")
FLEET = JudgedFleet(name="any", machines=12, from_="2025-01-06", until="2025-05-06")


def plant(name: str) -> Plant:
    """Return twelve machines: half of them with a flaw that stops them, and each with a sudden stop."""
    grown = [growing(machine, 7.0 + machine, 30) for machine in range(6)]
    stops = [Stop(machine, end_ms, machine) for machine, (_, end_ms) in enumerate(grown)]
    stops += [Stop(machine, MONDAY_MS + (60 + machine) * DAY_MS, -1, 0.5) for machine in range(12)]
    return plant_of(name, [f"{name}/CH-{i:04d}" for i in range(12)], SPAN_MS, [f for f, _ in grown], stops)


def site(name: str) -> Site:
    """Return a site on which rules come a day before the stop, and the others two weeks."""
    own = plant(name)
    ends = [(s.machine, s.time_ms) for s in own.stops if s.flaw >= 0]

    def ahead(days: int) -> list[Call]:
        opened = [(machine, time_ms - days * DAY_MS) for machine, time_ms in ends]
        return [Call(machine, at_ms, at_ms, own.worst(machine, at_ms)) for machine, at_ms in opened]

    return Site(own, {"rules": ahead(1), "chillcast": ahead(14), "oracle": ahead(14)})


@pytest.fixture(scope="module")
def report() -> ProofReport:
    sites = [site("a-1"), site("b-2")]
    config = replace(load_proof_config(SHIPPED), replicates=4, swept_replicates=1)
    by_budget = [dict.fromkeys((1.0, 0.5, 2.0), one) for one in sites]
    return report_of(config, by_budget, [FLEET], [FLEET], lambda share, text: None)


@pytest.fixture(scope="module")
def home(report: ProofReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proof")
    write(report, folder)
    return folder


def test_the_same_faults_happen_under_every_policy() -> None:
    terms = replace(load_proof_config(SHIPPED).assumptions.terms(), induced_share=0.0)
    found = tallies([site("a-1")], terms, 3)
    assert list(found) == list(POLICIES)
    for name in POLICIES:
        assert found[name][0][:, [Count.STOPS, Count.AVERTED]].sum() == pytest.approx(18)


def test_chance_comes_as_often_as_the_cases_are_visited() -> None:
    found = tallies([site("a-1")], load_proof_config(SHIPPED).assumptions.terms(), 3)
    visits = {name: found[name][0][:, Count.VISITS].sum() for name in POLICIES}
    assert visits["random"] == pytest.approx(visits["chillcast"])
    assert visits["no alerts"] == 0 < visits["calendar"]


def test_who_warns_two_weeks_ahead_averts_more_than_who_warns_a_day_ahead(report: ProofReport) -> None:
    early, late = report.row("chillcast"), report.row("rules")
    assert early.less_unplanned.value is not None
    assert late.less_unplanned.value is not None
    assert early.less_unplanned.value > late.less_unplanned.value >= 0.0
    share = report.foreseeable_share.value
    assert share is not None
    assert early.less_unplanned.value < share
    assert report.row("no alerts").less_unplanned.value == 0.0
    assert (early.bounded_less.value or 1.0) <= early.less_unplanned.value


def test_every_assumption_is_swept_to_both_ends_and_all_together(report: ProofReport) -> None:
    names = [name for name in load_proof_config(SHIPPED).assumptions.each for _ in range(2)]
    assert [next(iter(row.changed)) for row in report.sweeps if row.changed] == names
    first = ["as assumed", "budget of 0.5 alarms", "budget of 2 alarms", "machines_per_crew = 20"]
    assert [row.name for row in report.sweeps[:4]] == first
    assert [row.name for row in report.adversities][-2:] == [
        "everything adverse at once",
        "everything kind at once",
    ]
    worst, best = report.adversities[-2:]
    assert (worst.less_unplanned.value or 0.0) < (best.less_unplanned.value or 0.0)


def test_the_page_needs_nothing_else_and_runs_nothing(home: Path, report: ProofReport) -> None:
    page = (home / "proof" / "proof.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in page
    assert not re.search(r"https?:|<script|\{\{|\bnan\b", page)
    assert [one.source for one in report.assumptions if one.source not in unescape(page)] == []
    assert (home / "proof" / "proof.png").read_bytes()[:4] == b"\x89PNG"


def test_what_is_not_said_is_named_with_its_reason(home: Path, report: ProofReport) -> None:
    assert "energy" in {one.what for one in report.not_said}
    assert "<b>energy</b>: " in (home / "proof" / "proof.html").read_text(encoding="utf-8")


def test_the_json_is_the_report(home: Path, report: ProofReport) -> None:
    found = json.loads((home / "proof.json").read_text(encoding="utf-8"))
    assert msgspec.convert(found, ProofReport) == report
    assert [row["policy"] for row in found["policies"]] == list(POLICIES)


def test_a_terminal_is_told_the_policies_and_what_the_reduction_hangs_on(report: ProofReport) -> None:
    said = in_tables(report)
    assert all(name in said for name in POLICIES)
    assert "everything adverse at once" in said


def test_the_figures_of_a_report_take_the_place_of_those_in_the_document(report: ProofReport) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    once = filled(document, report)
    assert filled(once, report) == once
    assert all(f"\n| {row.policy} | {number(row.unplanned_h)} |" in once for row in report.policies)
    assert all(f"\n| {row.name} | {share(row.less_unplanned)} |" in once for row in report.all_changes)


def test_the_document_names_every_key_of_the_json() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    kinds = (ProofReport, PolicyRow, SweepRow, AssumedRow, NotSaid)
    keys = {field.encode_name for kind in kinds for field in msgspec.structs.fields(kind)}
    assert {key for key in keys if f"`{key}`" not in document} == set()


def test_the_document_lists_every_assumption_as_the_file_has_it() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    for name, one in load_proof_config(SHIPPED).assumptions.each.items():
        row = f"| `{name}` | {one.value:g} | {one.low:g} to {one.high:g} | {one.adverse} |"
        assert row in document, row
