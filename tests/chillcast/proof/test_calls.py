"""Who is called where."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from chillcast.proof.calls import acted_on, by_chance, of_calendar, of_cases
from chillcast.proof.luck import draw
from chillcast.proof.plant import HOUR_MS, plant_of
from models.alerting.cases import Case
from models.event_time import DAY_MS
from tests.support.proof_plants import MONDAY_MS, SPAN_MS, certain_terms, growing, one_flaw


def test_a_case_is_a_call_that_stems_from_the_flaw_under_way() -> None:
    plant, day_10 = one_flaw(), MONDAY_MS + 10 * DAY_MS
    found = of_cases(plant, [Case("CH-0001", MONDAY_MS), Case("CH-0001", day_10), Case("other", day_10)])
    assert [(c.opened_ms, c.stem) for c in found] == [(MONDAY_MS, -1), (day_10, 0)]


def test_a_share_of_the_cases_is_acted_on_after_somebody_has_decided_to() -> None:
    plant = one_flaw()
    cases = of_cases(plant, [Case("CH-0001", MONDAY_MS + i * DAY_MS) for i in range(1000)])
    terms = certain_terms(triage_h=24.0, acted_share=0.5)
    found = acted_on(cases, terms, draw(plant, 0))
    assert 430 < len(found) < 570
    assert {c.ready_ms - (c.opened_ms or 0) for c in found} == {24 * HOUR_MS}
    assert acted_on(cases, replace(terms, acted_share=1.0, triage_h=0.0), draw(plant, 0)) == cases
    assert acted_on(cases, replace(terms, acted_share=0.0), draw(plant, 0)) == []


def test_the_calendar_comes_to_every_machine_as_often() -> None:
    flaw, _ = growing(0, 7.0, 20)
    plant = plant_of("x", [f"CH-{i}" for i in range(7)], SPAN_MS, [flaw], [])
    found = of_calendar(plant, certain_terms(calendar_d=30.0))
    assert set(Counter(c.machine for c in found).values()) == {4}
    assert all(SPAN_MS[0] <= c.ready_ms < SPAN_MS[1] and c.opened_ms is None for c in found)


def test_chance_calls_as_often_as_it_is_told_and_alike_each_time() -> None:
    plant = one_flaw()
    assert len(by_chance(plant, 40, 1)) == 40
    assert by_chance(plant, 40, 1) == by_chance(plant, 40, 1) != by_chance(plant, 40, 2)


def test_luck_is_the_same_for_every_policy() -> None:
    plant = one_flaw()
    first, again = draw(plant, 5), draw(plant, 5)
    assert first.repair.tolist() == again.repair.tolist() != draw(plant, 6).repair.tolist()
    assert first.miss.tolist() == again.miss.tolist()
