"""What must hold of crews, whatever happens to the machines they look after."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chillcast.proof.crews import crews_of, work_off
from chillcast.proof.luck import draw
from chillcast.proof.plant import HOUR_MS, Plant, Stop, plant_of
from chillcast.proof.shifts import shifts_of
from chillcast.proof.tally import Count, tally
from chillcast.proof.terms import Terms
from chillcast.proof.work import Call, Done, Kind, Record
from models.event_time import DAY_MS
from tests.support.proof_plants import (
    MONDAY_MS,
    SPAN_MS,
    any_terms,
    calls,
    certain_terms,
    growing,
    one_flaw,
    plants,
)

MANY = settings(max_examples=150, deadline=None)


def case(plant: Plant, machine: int, day: float) -> Call:
    at_ms = MONDAY_MS + int(day * DAY_MS)
    return Call(machine, at_ms, at_ms, plant.worst(machine, at_ms))


def overlapping(done: list[Done]) -> bool:
    ordered = sorted((d.start_ms, d.end_ms) for d in done)
    return any(before[1] > after[0] for before, after in itertools.pairwise(ordered))


@st.composite
def runs(drawn: st.DrawFn) -> tuple[Plant, list[Call], Terms, Record]:
    plant = drawn(plants())
    asked, terms = drawn(calls(plant)), drawn(any_terms())
    return plant, asked, terms, work_off(plant, asked, terms, draw(plant, drawn(st.integers(0, 99))))


@MANY
@given(runs())
def test_no_crew_works_two_jobs_at_once_and_no_machine_has_two_crews(
    run: tuple[Plant, list[Call], Terms, Record],
) -> None:
    plant, _, terms, record = run
    for crew in range(crews_of(plant, terms)):
        assert not overlapping([d for d in record.done if d.crew == crew])
    assert {d.crew for d in record.done} <= set(range(crews_of(plant, terms)))
    planned = [d for d in record.done if not d.job.kind.is_urgent]
    for machine in range(plant.machines):
        assert not overlapping([d for d in planned if d.job.machine == machine])


@MANY
@given(runs())
def test_a_mended_flaw_stops_no_machine_and_every_other_stop_comes(
    run: tuple[Plant, list[Call], Terms, Record],
) -> None:
    plant, _, terms, record = run
    come = [d.flaw for d in record.downs if d.flaw >= 0]
    assert not set(come) & set(record.mended)
    averted = [plant.stops[n].flaw for n in record.averted]
    assert set(averted) <= set(record.mended)
    foreseeable = [s.flaw for s in plant.stops if s.flaw >= 0]
    assert sorted([*come, *averted]) == sorted(foreseeable)
    sudden = sum(s.flaw < 0 and s.above < terms.sudden_factor for s in plant.stops)
    come_sudden = sum(d.flaw < 0 for d in record.downs)
    assert come_sudden == sudden if terms.induced_share == 0 else come_sudden >= sudden
    assert all(plant.flaws[f].begin_ms <= at < plant.flaws[f].end_ms for f, at in record.mended.items())


@MANY
@given(runs())
def test_hours_add_up(run: tuple[Plant, list[Call], Terms, Record]) -> None:
    plant, asked, _, record = run
    found = tally(plant, record).sum(axis=0)
    worked = sum(d.end_ms - d.start_ms for d in record.done) / HOUR_MS
    stood = sum(d.until_ms - d.from_ms for d in record.downs) / HOUR_MS
    planned = sum(d.end_ms - d.start_ms for d in record.of(Kind.REPAIR)) / HOUR_MS
    assert found[Count.CREW_H] == pytest.approx(worked)
    assert found[Count.UNPLANNED_H] == pytest.approx(stood)
    assert found[Count.STOOD_H] == pytest.approx(stood + planned)
    assert found[Count.STOOD] == len(record.downs) + len(record.mended)
    assert found[Count.VISITS] + sum(1 for d in asked) >= 2 * found[Count.VISITS]
    repaired = {d.job.machine for d in record.of(Kind.EMERGENCY)}
    assert repaired == {d.machine for d in record.downs}
    assert found[Count.FORESEEABLE_H] <= found[Count.UNPLANNED_H] + 1e-9


@MANY
@given(runs())
def test_planned_work_begins_in_a_shift_and_fits_into_it_or_begins_with_it(
    run: tuple[Plant, list[Call], Terms, Record],
) -> None:
    _, _, terms, record = run
    shifts = shifts_of(terms)
    for done in (d for d in record.done if not d.job.kind.is_urgent):
        begin_ms = shifts.begin_ms(done.start_ms)
        assert begin_ms <= done.start_ms < begin_ms + shifts.length_ms
        assert done.end_ms <= begin_ms + shifts.length_ms or done.start_ms == begin_ms


@MANY
@given(runs())
def test_a_planned_repair_begins_on_no_machine_that_stands(
    run: tuple[Plant, list[Call], Terms, Record],
) -> None:
    _, _, _, record = run
    for done in (d for d in record.done if not d.job.kind.is_urgent):
        own = [d for d in record.downs if d.machine == done.job.machine]
        assert not any(d.from_ms < done.start_ms < d.until_ms for d in own)


@MANY
@given(st.data())
def test_the_same_calls_and_luck_give_the_same_run(data: st.DataObject) -> None:
    plant, terms = data.draw(plants()), data.draw(any_terms())
    asked = data.draw(calls(plant))
    first, again = (work_off(plant, asked, terms, draw(plant, 3)) for _ in range(2))
    assert first == again


@MANY
@given(plants(apart=True), st.integers(0, 99))
def test_more_crews_give_never_more_downtime_if_there_are_only_stops_and_no_parts(
    plant: Plant, seed: int
) -> None:
    """With visits it need not hold: who comes earlier may meet a fault that is too small to see."""
    terms = certain_terms(spread=0.6)
    luck = draw(plant, seed)
    stood = [
        tally(plant, work_off(plant, [], replace(terms, machines_per_crew=plant.machines / crews), luck))
        for crews in range(1, plant.machines + 1)
    ]
    hours = [found[:, Count.UNPLANNED_H].sum() for found in stood]
    assert all(more <= fewer + 1e-9 for fewer, more in itertools.pairwise(hours))


def test_a_flaw_that_is_found_in_time_is_mended_in_a_shorter_planned_repair() -> None:
    plant, terms = one_flaw(), certain_terms()
    record = work_off(plant, [case(plant, 0, 14.5)], terms, draw(plant, 0))
    assert (record.averted, record.downs) == ([0], [])
    (repair,) = record.of(Kind.REPAIR)
    assert repair.end_ms - repair.start_ms == pytest.approx(0.64 * 12 * HOUR_MS, abs=1)
    (visit,) = record.of(Kind.VISIT)
    assert visit.found == (0,)


def test_without_a_call_the_machine_stops_and_stands_for_response_diagnosis_and_repair() -> None:
    plant, terms = one_flaw(), certain_terms()
    record = work_off(plant, [], terms, draw(plant, 0))
    (down,) = record.downs
    assert (down.until_ms - down.from_ms) / HOUR_MS == 4 + 2 + 12
    assert record.averted == []


def test_a_part_that_is_late_leaves_a_known_fault_which_takes_no_diagnosis() -> None:
    plant, terms = one_flaw(), certain_terms(parts_share=1.0, parts_d=30.0, express_ratio=0.1)
    record = work_off(plant, [case(plant, 0, 14.5)], terms, draw(plant, 0))
    (down,) = record.downs
    assert down.was_known
    assert (down.until_ms - down.from_ms) / HOUR_MS == 0.1 * 30 * 24 + 12
    unknown = work_off(plant, [], terms, draw(plant, 0)).downs[0]
    assert (unknown.until_ms - unknown.from_ms) / HOUR_MS == 4 + 2 + 0.1 * 30 * 24 + 12


def test_a_fault_that_the_visit_misses_stops_the_machine() -> None:
    plant = one_flaw()
    record = work_off(plant, [case(plant, 0, 14.5)], certain_terms(miss_share=1.0), draw(plant, 0))
    assert len(record.downs) == 1
    assert [d.found for d in record.of(Kind.VISIT)] == [()]


def test_a_fault_too_small_to_see_is_not_found_but_later_is() -> None:
    plant, terms = one_flaw(), certain_terms(visible_severity=0.3)
    early = work_off(plant, [case(plant, 0, 9.5)], terms, draw(plant, 0))
    late = work_off(plant, [case(plant, 0, 14.5)], terms, draw(plant, 0))
    assert (len(early.averted), len(late.averted)) == (0, 1)


def test_cases_that_stem_from_a_mended_or_known_flaw_need_no_visit() -> None:
    plant, terms = one_flaw(), certain_terms()
    again = [case(plant, 0, 14.5), case(plant, 0, 20.5)]
    record = work_off(plant, again, terms, draw(plant, 0))
    assert (len(record.of(Kind.VISIT)), record.needless) == (1, 1)


def test_a_case_whose_machine_has_stopped_needs_no_visit() -> None:
    plant, terms = one_flaw(), certain_terms(triage_h=0.0)
    call = replace(case(plant, 0, 26.5), ready_ms=MONDAY_MS + 29 * DAY_MS)
    record = work_off(plant, [call], terms, draw(plant, 0))
    assert (record.of(Kind.VISIT), record.needless) == ([], 1)


def test_a_sudden_stop_is_never_averted() -> None:
    plant = plant_of("one", ("CH-0001",), SPAN_MS, [], [Stop(0, MONDAY_MS + 30 * DAY_MS)])
    every_day = [Call(0, MONDAY_MS + day * DAY_MS) for day in range(30)]
    record = work_off(plant, every_day, certain_terms(), draw(plant, 0))
    assert (len(record.downs), record.averted) == (1, [])
    assert len(record.of(Kind.VISIT)) == 30


def test_a_repair_that_does_harm_makes_another_stop_and_that_one_no_third() -> None:
    plant = one_flaw()
    record = work_off(plant, [], certain_terms(induced_share=1.0), draw(plant, 0))
    first, second = record.downs
    assert (first.flaw, second.flaw) == (0, -1)
    assert 0 <= second.from_ms - first.until_ms <= 7 * DAY_MS


def test_stopped_machines_come_before_planned_work() -> None:
    flaw, end_ms = growing(1, 7.0, 20)
    noon_ms = MONDAY_MS + int(28.5 * DAY_MS)
    stops = [Stop(1, noon_ms - 4 * HOUR_MS, -1)]
    plant = plant_of("two", ("CH-0001", "CH-0002"), SPAN_MS, [replace(flaw, end_ms=end_ms)], stops)
    record = work_off(plant, [Call(0, noon_ms)], certain_terms(), draw(plant, 0))
    assert [d.job.kind for d in record.done] == [Kind.EMERGENCY, Kind.VISIT]
