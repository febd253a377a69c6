"""Which notices come of what machines and people do, and of time."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.cases.people import Command
from models.delivery.notice import GIVEN_UP_MS, News, Notice, Parcel, Report, Silence
from models.delivery.outbox import MOST
from models.delivery.plan import Aside, Plan
from models.delivery.watch import Watched
from models.event_time import DAY_MS
from models.fleet.inventory import Inventory
from tests.support.case_life import PRESENT, Step, asks, lives, plans, signal
from tests.support.told import HOUR_MS, INVENTORY, NOON_MS, Post, routes

OPEN = signal("open", 1)
WORSE = signal("update", 1, 2, severity="critical")
CLOSED = signal("closed", 1, 5)


def kinds(notices: list[Notice]) -> list[str]:
    return [notice.kind for notice in notices]


def ack(**more: Any) -> Command:
    return asks("acknowledge", PRESENT, **more)


def test_a_case_is_told_once_on_each_route_and_channel() -> None:
    post = Post(routes({"channels": ["ops", "pager"]}, {"channels": ["mail"]}))
    post.does(OPEN)
    post.passes(10)
    assert [(p.channel, p.key) for p in post.arrived] == [
        ("ops", "a-86400000/1/r0/1/ops"),
        ("pager", "a-86400000/1/r0/1/pager"),
        ("mail", "a-86400000/1/r1/1/mail"),
    ]


@pytest.mark.parametrize(
    ("key", "is_told"), [("site", True), ("plant", True), ("building", True), ("hall", False)]
)
def test_a_site_is_what_the_page_takes_for_one(key: str, is_told: bool) -> None:
    post = Post(routes({"sites": ["north"]}), Inventory({"a": {key: "north"}}))
    post.does(OPEN)
    assert bool(post.passes(10)) is is_told


def test_newer_evidence_alone_is_not_told() -> None:
    post = Post(routes())
    post.does(OPEN)
    post.passes()
    post.does(signal("update", 1, 2))
    assert post.passes() == []


@pytest.mark.parametrize(
    ("conditions", "is_told"),
    [
        ({"severities": ["critical"]}, False),
        ({"severities": ["warning", "critical"]}, True),
        ({"sites": ["south"]}, False),
        ({"sites": ["north"]}, True),
        ({"machines": ["b"]}, False),
        ({"modes": ["fouling"]}, True),
        ({"modes": ["leak"]}, False),
        ({"within_d": 5}, True),
        ({"within_d": 4}, False),
        ({"hours": "12:00-14:00"}, True),  # 13:00 in Berlin
        ({"hours": "14:00-20:00"}, False),
        ({"hours": "22:00-13:30"}, True),
        ({"days": ["thu"]}, False),
        ({"days": ["sun"]}, True),
    ],
)
def test_a_route_takes_what_meets_all_its_conditions(conditions: dict[str, Any], *, is_told: bool) -> None:
    post = Post(routes(conditions))
    post.now_ms = 1_767_528_000_000  # Sunday noon in UTC, in winter
    post.does(OPEN)
    assert bool(post.passes()) == is_told


def test_an_acknowledgement_ends_repeats_and_outlives_that_it_gets_worse() -> None:
    post = Post(routes({"repeat_h": 4}))
    post.does(OPEN)
    assert kinds(post.passes(9 * 60)) == ["opened", "repeated", "repeated"]
    post.does(ack())
    assert post.passes(9 * 60) == []
    post.does(WORSE)
    (worse,) = post.passes(9 * 60)
    assert (worse.kind, worse.lines[0].case.acknowledged is not None) == ("worse", True)


def test_repeats_go_on_once_an_acknowledgement_is_taken_back() -> None:
    post = Post(routes({"repeat_h": 1}))
    post.does(OPEN, ack())
    assert kinds(post.passes(120)) == ["opened"]
    post.does(asks("unacknowledge", PRESENT))
    assert kinds(post.passes(60))[:1] == ["repeated"]


def test_what_nobody_acknowledges_is_told_to_others_step_by_step() -> None:
    steps = [{"after_h": 1, "channels": ["boss"]}, {"after_h": 3, "channels": ["head"]}]
    post = Post(routes({"escalations": steps}))
    post.does(OPEN)
    post.passes(10 * 60)
    assert [(p.channel, p.notice.kind) for p in post.arrived] == [
        ("ops", "opened"),
        ("boss", "escalated"),
        ("head", "escalated"),
    ]
    post.does(WORSE)
    post.passes(61)
    assert [p.channel for p in post.arrived[3:]] == ["ops", "boss"]


def test_an_acknowledged_case_is_not_escalated() -> None:
    post = Post(routes({"escalations": [{"after_h": 1, "channels": ["boss"]}]}))
    post.does(OPEN)
    post.passes(30)
    post.does(ack())
    assert post.passes(10 * 60) == []


def test_a_snoozed_case_is_quiet_until_it_gets_worse() -> None:
    post = Post(routes({"repeat_h": 1, "escalations": [{"after_h": 2, "channels": ["boss"]}]}))
    post.does(OPEN)
    post.passes()
    post.does(asks("snooze", PRESENT, until="worse"), asks("assign", PRESENT, assignee="bob"))
    assert post.passes(10 * 60) == []
    post.does(WORSE)
    assert kinds(post.passes(30)) == ["worse"]


def test_a_snooze_until_a_date_ends_by_the_clock() -> None:
    post = Post(routes({"repeat_h": 1}))
    post.does(OPEN)
    post.passes()
    day = NOON_MS // 86_400_000
    until_ms = post.now_ms + 3 * HOUR_MS
    post.does(asks("snooze", PRESENT, day, until="date", until_ms=until_ms))
    assert post.passes(2 * 60 + 58) == []
    assert kinds(post.passes(5)) == ["repeated"]


def test_the_end_of_a_case_is_told_once_and_nothing_after_it() -> None:
    post = Post(routes({"repeat_h": 1}))
    post.does(OPEN)
    post.passes()
    post.does(asks("resolve", PRESENT, outcome="confirmed"))
    (end,) = post.passes(10 * 60)
    assert (end.kind, end.lines[0].case.resolved is not None) == ("resolved", True)


def test_the_end_is_not_told_if_nobody_was_told_of_the_case_or_nobody_wants_it() -> None:
    post = Post(routes({"severities": ["critical"]}, {"says_end": False}))
    post.does(OPEN)
    assert kinds(post.passes()) == ["opened"]
    post.does(CLOSED)
    assert post.passes(10) == []


def test_that_the_outcome_came_is_told() -> None:
    post = Post(routes())
    post.does(OPEN)
    post.passes()
    post.does(signal("closed", 1, 5, reason="event"))
    assert kinds(post.passes(10)) == ["event"]


def test_a_case_that_opens_again_is_told_again_and_so_is_its_end() -> None:
    post = Post(routes())
    for step in (OPEN, CLOSED, signal("open", 7), signal("closed", 7, 9)):
        post.does(step)
        post.passes()
    assert kinds([p.notice for p in post.arrived]) == ["opened", "cleared", "opened", "cleared"]


def test_quiet_hours_keep_what_is_still_open_until_they_end() -> None:
    post = Post(routes({"quiet": "22:00-16:00"}))  # until 14:00 in UTC
    post.does(OPEN, signal("open", 1, asset="b"))
    assert post.passes(60) == []
    post.does(signal("closed", 1, 5, asset="b"))
    assert post.passes(59) == []
    (notice,) = post.passes(2)
    assert [line.case.asset for line in notice.lines] == ["a"]


def test_a_silence_keeps_what_is_still_open_until_it_ends() -> None:
    post = Post(routes())
    until_ms = NOON_MS + 2 * HOUR_MS
    about = {"id": "works", "who": "ann", "time_ms": NOON_MS, "until_ms": until_ms}
    post.plan.silence(Silence(**about, sites=("north",)))  # type: ignore[arg-type]
    post.does(OPEN, signal("open", 1, asset="c"))
    assert [n.lines[0].case.asset for n in post.passes(119)] == ["c"]
    assert [n.lines[0].case.asset for n in post.passes(2)] == ["a"]


def test_a_group_waits_for_more_and_is_one_notice() -> None:
    post = Post(routes({"group_by": "site", "group_wait_s": 300}))
    post.does(OPEN)
    assert post.passes(3) == []
    post.does(signal("open", 1, asset="b"), signal("open", 1, asset="c"))
    north, south = post.passes(10)
    assert [line.case.asset for line in north.lines] == ["a", "b"]
    assert [line.case.asset for line in south.lines] == ["c"]
    assert (north.id, north.kind) == ("a-86400000/1/r0/1+1", "opened")


def test_a_digest_lists_what_is_open_and_what_ended_since_in_the_zone_of_the_site() -> None:
    post = Post(routes({"digest": "day", "digest_at": "07:00", "group_by": "site"}))
    post.does(OPEN, signal("open", 1, asset="b"), signal("open", 1, asset="c"))
    assert post.passes(60) == []
    post.does(signal("closed", 1, 5, asset="b"))
    notices = post.passes(23 * 60)
    hours = [(n.kind, n.lines[0].site, (n.time_ms // HOUR_MS) % 24) for n in notices]
    assert hours == [("digest", "north", 5), ("digest", "south", 11)]
    assert [(line.case.asset, line.kind) for line in notices[0].lines] == [("a", "new"), ("b", "ended")]
    again = post.passes(24 * 60)
    assert [[line.case.asset for line in n.lines] for n in again] == [["a"], ["c"]]


@pytest.mark.parametrize(("group_by", "hour"), [("site", 5), ("route", 7)])
def test_a_case_after_quiet_weeks_is_in_the_next_digest_and_in_none_of_the_past(
    group_by: str, hour: int
) -> None:
    post = Post(routes({"digest": "day", "digest_at": "07:00", "group_by": group_by}))
    post.does(OPEN)
    assert kinds(post.passes(24 * 60, 10)) == ["digest"]
    post.does(CLOSED)
    assert kinds(post.passes(14 * 24 * 60, 10)) == ["digest"]
    assert post.plan.remember("a") == ()
    post.passes(14 * 60)
    post.does(signal("open", 30, asset="b"))
    assert [n.time_ms // HOUR_MS % 24 for n in post.passes(22 * 60)] == [hour]


def test_a_digest_names_what_a_planned_stop_or_a_snooze_holds_and_until_when() -> None:
    post = Post(routes({"digest": "day", "digest_at": "07:00"}))
    post.does(OPEN, signal("open", 1, asset="b"), signal("open", 1, asset="c"))
    post.does(plans(19_990, 20_002, asset="a"), plans(19_990, 20_003, asset="a", plan="p2"))
    post.does(asks("snooze", PRESENT, 20_000, asset="b", until="date", until_ms=20_002 * DAY_MS))
    post.does(asks("snooze", PRESENT, 20_000, asset="c", until="worse"))
    (digest,) = post.passes(23 * 60)
    assert [(line.case.asset, line.kind, line.until_ms // DAY_MS) for line in digest.lines] == [
        ("a", "stopped", 20_003),
        ("b", "snoozed", 0),
        ("c", "snoozed", 0),
    ]
    later = post.passes(3 * 24 * 60)[-1]
    assert [(line.kind, line.is_held) for line in later.lines] == [
        ("new", False),
        ("new", False),
        ("snoozed", True),
    ]
    post.does(signal("closed", 1, 5, asset="c"), plans(20_003, 20_010, 20_003, asset="a", plan="p3"))
    last = post.passes(24 * 60)[-1]
    assert [line.kind for line in last.lines] == ["stopped", "new", "ended"]


def test_a_digest_of_the_week_comes_on_its_day() -> None:
    post = Post(routes({"digest": "week", "digest_day": "sat", "digest_at": "06:30"}, zone="Asia/Tokyo"))
    post.does(OPEN)
    (digest,) = post.passes(7 * 24 * 60, 15)
    assert digest.time_ms == NOON_MS + 9.5 * HOUR_MS  # Friday 21:30 in UTC


def test_a_channel_that_is_away_is_tried_again_with_growing_pauses_and_keeps_no_other_waiting() -> None:
    post = Post(routes({"channels": ["ops", "pager"]}))
    post.broken = {"pager"}
    post.does(OPEN)
    post.passes(60, 0.1)
    assert [p.channel for p in post.arrived] == ["ops"]
    (waiting,) = post.plan.outbox.waiting
    assert 7 <= waiting.attempts <= 9
    post.broken = set()
    post.passes(30)
    assert [p.channel for p in post.arrived] == ["ops", "pager"]


def test_no_repeat_piles_up_behind_a_notice_that_has_not_arrived() -> None:
    post = Post(routes({"repeat_h": 1}))
    post.broken = {"ops"}
    post.does(OPEN)
    post.passes(10 * 60)
    assert len(post.plan.outbox.waiting) == 1


def test_after_three_days_a_notice_is_given_up_on_record() -> None:
    plan = Post(routes()).plan
    notice = Notice(id="n", route="r0", kind="opened", time_ms=NOON_MS, lines=())
    plan.outbox.put(notice, ["ops"], NOON_MS)
    (failed,) = plan.report(Report("n/ops", 1, sent=False, time_ms=NOON_MS + 5, reason="away"))
    (given_up,) = plan.report(Report("n/ops", 2, sent=False, time_ms=NOON_MS + GIVEN_UP_MS, reason="away"))
    assert (failed.ending, given_up.ending, given_up.reason) == ("failed", "given-up", "away")
    assert plan.ready(NOON_MS * 2) == []


def test_more_than_anybody_reads_do_not_wait() -> None:
    plan = Post(routes()).plan
    records = []
    for i in range(MOST + 1):
        notice = Notice(id=f"n{i}", route="r0", kind="opened", time_ms=NOON_MS, lines=())
        records += plan.outbox.put(notice, ["ops"], NOON_MS)
    assert [(r.key, r.ending) for r in records] == [("n0/ops", "given-up")]


def test_a_place_that_is_free_again_is_taken_again() -> None:
    plan = Post(routes()).plan
    for i in range(5):
        plan.outbox.put(Notice(id=f"n{i}", route="r0", kind="opened", time_ms=i, lines=()), ["ops"], i)
        plan.report(Report(f"n{i}/ops", 1, sent=True, time_ms=i))
    assert plan.outbox.changed == {("ops", 0)}
    assert plan.outbox.remember(("ops", 0)) is None


def test_the_lowest_free_place_is_taken() -> None:
    outbox = Post(routes()).plan.outbox
    notices = [Notice(id=f"n{i}", route="r0", kind="opened", time_ms=i, lines=()) for i in range(6)]
    for notice in notices[:4]:
        outbox.put(notice, ["ops"], 1)
    for i in (2, 0):
        outbox.report(Report(f"n{i}/ops", 1, sent=True, time_ms=1))
    outbox.changed.clear()
    for notice in notices[4:]:
        outbox.put(notice, ["ops"], 1)
    assert outbox.changed == {("ops", 0), ("ops", 2)}


def test_many_cases_are_said_without_evidence_and_in_parts_that_a_log_takes() -> None:
    post = Post(routes({"group_by": "route", "group_wait_s": 0}))
    post.does(*(signal("open", 1, asset=f"m{i:03}") for i in range(450)))
    notices = post.passes()
    assert [len(n.lines) for n in notices] == [200, 200, 50]
    assert all(line.case.evidence.sensors == () for n in notices for line in n.lines)
    assert max(len(msgspec.msgpack.encode(n)) for n in notices) < 500_000


def test_what_arrives_twice_is_on_record_twice_at_two_times() -> None:
    plan = Post(routes()).plan
    plan.outbox.put(Notice(id="n", route="r0", kind="opened", time_ms=NOON_MS, lines=()), ["ops"], NOON_MS)
    report = Report("n/ops", 1, sent=True, time_ms=NOON_MS + 5)
    (first,), (again,) = plan.report(report), plan.report(report)
    assert (first.again, again.again, again.time_ms - first.time_ms) == (False, True, 1)


def test_news_that_come_twice_or_late_change_nothing() -> None:
    post = Post(routes())
    post.does(OPEN)
    post.passes()
    case = post.plan.remember("a")[0].case
    post.does(WORSE)
    post.passes()
    before = post.plan.remember("a")
    post.plan.hear(News(case=case))
    assert post.plan.remember("a") == before


def test_what_ended_is_forgotten_after_a_while() -> None:
    post = Post(routes())
    post.does(OPEN)
    post.passes()
    post.does(CLOSED)
    post.passes(9 * 24 * 60, 60)
    assert post.plan.remember("a") == ()


def test_of_many_cases_that_ended_within_a_week_the_last_of_a_machine_are_known() -> None:
    post = Post(routes({"says_end": True}))
    for day in range(1, 9):
        post.does(signal("open", 100 * day), signal("closed", 100 * day, 100 * day + 5))
        post.passes(2)
    assert [w.case.opened_ms // DAY_MS for w in post.plan.remember("a")] == [400, 500, 600, 700, 800]


def test_a_case_that_ended_is_known_until_its_end_was_told() -> None:
    post = Post(routes({"quiet": "14:30-20:00"}))  # from 12:30 in UTC
    post.does(signal("open", 100))
    post.passes(60)
    for day in range(100, 1000, 100):
        post.does(signal("closed", day, day + 5), signal("open", day + 100))
        post.passes()
    assert next(w.case.opened_ms // DAY_MS for w in post.plan.remember("a")) == 100
    assert "cleared" in kinds(post.passes(9 * 60))
    assert 100 not in [w.case.opened_ms // DAY_MS for w in post.plan.remember("a")]


@settings(deadline=None)
@given(lives(), st.lists(st.integers(0, 200), min_size=30, max_size=30))
def test_a_plan_that_is_restored_goes_on_as_if_it_had_never_stopped(
    life: list[Step], minutes: list[int]
) -> None:
    steps = {"repeat_h": 2, "escalations": [{"after_h": 3, "channels": ["boss"]}]}
    made = routes(steps, {"group_by": "site", "quiet": "20:00-06:00"}, {"digest": "day"})
    one, other = Post(made), Post(made)
    for step, pause in zip(life, minutes, strict=False):
        for post in (one, other):
            post.broken = {"boss"} if pause % 2 else set()
            answer_or_nothing(post, step)
            post.passes(pause, 20)
        other.plan = restored(other.plan)
    assert [p.key for p in one.arrived] == [p.key for p in other.arrived]


@settings(deadline=None)
@given(lives(), st.lists(st.integers(0, 200), min_size=30, max_size=30))
def test_no_key_is_sent_twice_and_every_notice_names_an_entry_that_asks_for_it(
    life: list[Step], minutes: list[int]
) -> None:
    post = Post(routes({"repeat_h": 2}, {"group_by": "route", "group_wait_s": 3600}))
    for step, pause in zip(life, minutes, strict=False):
        answer_or_nothing(post, step)
        post.passes(pause, 20)
    keys = [p.key for p in post.arrived]
    assert len(keys) == len(set(keys))
    for parcel in post.arrived:
        for line in parcel.notice.lines:
            is_end = line.kind in ("resolved", "cleared", "expired", "planned")
            assert line.case.is_open != is_end or line.kind == "event"
            assert line.kind != "repeated" or line.case.acknowledged is None


def answer_or_nothing(post: Post, step: Step) -> None:
    """Let a step be done, if it is not refused."""
    try:
        post.does(step)
    except AssertionError:
        return


def restored(plan: Plan) -> Plan:
    """Return a plan that knows what another remembers, through bytes."""
    out = Plan(plan.routes, INVENTORY)
    for asset in "abc":
        known = msgspec.msgpack.encode(plan.remember(asset))
        out.restore(asset, msgspec.msgpack.decode(known, type=tuple[Watched, ...]))
    for place in itertools.product(("ops", "boss"), range(50)):
        waits: Any = Parcel | None
        parcel = msgspec.msgpack.encode(plan.outbox.remember(place))
        out.outbox.restore(place, msgspec.msgpack.decode(parcel, type=waits))
    out.aside = msgspec.msgpack.decode(msgspec.msgpack.encode(plan.aside), type=Aside)
    return out


NOON_D = NOON_MS / DAY_MS


def test_a_case_that_opens_within_a_planned_stop_is_told_once_it_is_over() -> None:
    post = Post(routes({"repeat_h": 1, "escalations": [{"after_h": 1, "channels": ["boss"]}]}))
    post.does(plans(NOON_D - 0.5, NOON_D + 0.25, day=NOON_D - 1), signal("open", int(NOON_D)))
    assert post.passes(6 * 60 - 1, 10) == []
    assert kinds(post.passes(10)) == ["opened"]


def test_what_is_told_already_is_neither_repeated_nor_escalated_within_a_planned_stop() -> None:
    post = Post(routes({"repeat_h": 1, "escalations": [{"after_h": 2, "channels": ["boss"]}]}))
    post.does(signal("open", int(NOON_D)))
    assert kinds(post.passes(5)) == ["opened"]
    post.does(plans(NOON_D, NOON_D + 0.25, day=NOON_D))
    assert post.passes(6 * 60 - 10, 10) == []
    assert sorted(kinds(post.passes(20))) == ["escalated", "repeated"]


@pytest.mark.parametrize("reason", ["cleared", "event"])
def test_what_ends_within_a_planned_stop_is_never_told(reason: str) -> None:
    post = Post(routes({"says_end": True}))
    today = int(NOON_D)
    post.does(plans(today, NOON_D + 0.25, day=NOON_D - 1), signal("open", today))
    post.passes(60, 10)
    post.does(signal("closed", today, reason=reason))
    assert post.passes(24 * 60, 30) == []


def test_a_stop_that_is_cancelled_holds_nothing_any_more() -> None:
    post = Post(routes())
    post.does(plans(NOON_D - 0.5, NOON_D + 9, day=NOON_D - 1), signal("open", int(NOON_D)))
    assert post.passes(60, 10) == []
    post.does(plans(0, 0, day=NOON_D + 0.05, action="cancel"))
    assert kinds(post.passes(10)) == ["opened"]


def test_in_a_replay_a_stop_holds_until_the_machine_is_heard_of_after_it() -> None:
    """Its end lies years before the clock of who entered it."""
    post = Post(routes())
    post.does(plans(2, 5, day=NOON_D, as_of_ms=DAY_MS), signal("open", 3), signal("update", 3, 4))
    assert post.passes(60, 10) == []
    post.does(signal("update", 3, 5))
    assert kinds(post.passes(10)) == ["opened"]


def test_a_case_of_another_machine_is_told_all_the_same() -> None:
    post = Post(routes())
    post.does(plans(NOON_D - 0.5, NOON_D + 9, day=NOON_D - 1), signal("open", int(NOON_D), asset="b"))
    assert kinds(post.passes(10)) == ["opened"]
