"""What machines and people do to cases, in days."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from models.cases.book import Answer, CaseBook, Change
from models.cases.case import OUTCOMES, Entry, Evidence
from models.cases.machine import Signal
from models.cases.people import ACTIONS, Command
from models.cases.stops import StopCommand
from models.event_time import DAY_MS

Step = Signal | Command | StopCommand
CONTINUES_D = 14
PRESENT = -1  # stands for the version that a case has when the command comes
_IDS = itertools.count()


def signal(
    stage: str,
    opened: int,
    day: int | None = None,
    *,
    severity: str = "warning",
    latest_d: int = 5,
    reason: str = "cleared",
    asset: str = "a",
) -> Signal:
    """A word of the policy about the episode that opened on a day."""
    time_ms = (opened if day is None else day) * DAY_MS
    evidence = Evidence(
        time_ms=time_ms,
        severity=severity,
        risk=0.4,
        threshold=0.2,
        horizon_d=7.0,
        text="Likely stop in 2–5 days",
        fault="fouling",
        check="clean the tubes",
        model="3",
        from_ms=time_ms + DAY_MS,
        until_ms=time_ms + latest_d * DAY_MS,
    )
    return Signal(
        case=f"{asset}-{opened * DAY_MS}",
        asset=asset,
        stage=stage,  # type: ignore[arg-type]
        opened_ms=opened * DAY_MS,
        evidence=evidence,
        reason=reason if stage == "closed" else "",
    )


def asks(
    action: str, version: int, day: int = 3, *, asset: str = "a", who: str = "ann", **more: Any
) -> Command:
    """A command of somebody who has seen a version."""
    return Command(
        id=more.pop("id", f"c{next(_IDS)}"),
        asset=asset,
        action=action,  # type: ignore[arg-type]
        version=version,
        who=who,
        time_ms=day * DAY_MS,
        **more,
    )


def plans(
    first: float, last: float, day: float = 1, *, asset: str = "a", plan: str = "p1", **more: Any
) -> StopCommand:
    """Somebody enters a planned stop, in days; with ``action="cancel"`` they cancel it."""
    action = more.pop("action", "plan")
    return StopCommand(
        id=more.pop("id", f"{action} {plan} {asset}"),
        asset=asset,
        plan=plan,
        action=action,
        who=more.pop("who", "ann"),
        time_ms=int(day * DAY_MS),
        from_ms=int(first * DAY_MS),
        until_ms=int(last * DAY_MS),
        **more,
    )


def does(book: CaseBook, step: Step) -> tuple[Answer | None, Change]:
    """Let a book take in a step, a command of the present version with the version that there is."""
    if isinstance(step, Signal):
        return None, book.hear(step)
    return book.plan(step) if isinstance(step, StopCommand) else book.ask(fresh(book, step))


def told(book: CaseBook, *steps: Step) -> list[Entry]:
    """Return the entries that steps lead to; commands have to be accepted."""
    out: list[Entry] = []
    for step in steps:
        answer, change = does(book, step)
        assert answer is None or answer.accepted, answer.reason
        out += change.entries
    return out


def fresh(book: CaseBook, command: Command) -> Command:
    """Return a command with the version that its case has now, if it stands for that."""
    case = book.remember(command.asset).case
    present = case.version if case else 0
    return replace(command, version=present) if command.version == PRESENT else command


def _signals(asset: str, seed: list[tuple[int, int, str, str]]) -> list[Signal]:
    """What a policy may say of a machine: episodes one after the other."""
    out, day = [], 1
    for pause, lasts, severity, reason in seed:
        opened = day + pause
        out.append(signal("open", opened, asset=asset))
        days = range(opened + 1, opened + 1 + lasts)
        out += [
            signal("update", opened, day=d, severity=severity, latest_d=1 + d % 9, asset=asset) for d in days
        ]
        day = opened + lasts + 1
        out.append(signal("closed", opened, day=day, reason=reason, asset=asset))
    return out


_EPISODES = st.lists(
    st.tuples(
        st.integers(1, 30),
        st.integers(0, 4),
        st.sampled_from(["warning", "critical"]),
        st.sampled_from(["cleared", "event", "expired"]),
    ),
    max_size=4,
)


@st.composite
def commands(draw: st.DrawFn, asset: str) -> Command:
    """A command that makes sense, perhaps stale, perhaps sent before."""
    action = draw(st.sampled_from(ACTIONS))
    dated = draw(st.booleans())
    return asks(
        action,
        draw(st.one_of(st.just(PRESENT), st.integers(0, 12))),
        draw(st.integers(1, 90)),
        asset=asset,
        id=f"{asset}{draw(st.integers(0, 60))}",
        assignee=draw(st.sampled_from(["", "bob"])),
        text="said",
        outcome=draw(st.sampled_from(OUTCOMES)),
        mode="leak",
        until="date" if dated else draw(st.sampled_from(["worse", "cleared"])),
        until_ms=draw(st.integers(1, 120)) * DAY_MS if dated else 0,
    )


@st.composite
def planned(draw: st.DrawFn, asset: str) -> StopCommand:
    """Somebody plans a stop, or cancels one, perhaps one that is over, unknown, or of the same span."""
    plan, first = f"p{draw(st.integers(0, 3))}", draw(st.integers(1, 60))
    action, day = draw(st.sampled_from(["plan", "plan", "cancel"])), draw(st.integers(1, 60))
    return plans(first, first + draw(st.integers(1, 9)), day, asset=asset, plan=plan, action=action)


@st.composite
def lives(draw: st.DrawFn) -> list[Step]:
    """Any interleaving of what two machines do, in their order, some of it again, and what people ask."""
    ranked: list[tuple[float, Step]] = []
    repeats: bool
    for asset in "ab":
        signals = _signals(asset, draw(_EPISODES))
        repeats = draw(st.booleans())
        if signals and repeats:
            again = draw(st.integers(0, len(signals) - 1))
            signals = [*signals[: again + 2], *signals[again:]]
        places = sorted(draw(st.lists(st.floats(0, 1), min_size=len(signals), max_size=len(signals))))
        ranked += zip(places, signals, strict=True)
        asked = draw(st.lists(st.tuples(st.floats(0, 1), commands(asset)), max_size=12))
        ranked += asked
        ranked += draw(st.lists(st.tuples(st.floats(0, 1), planned(asset)), max_size=4))
    return [step for _, step in sorted(ranked, key=lambda one: one[0])]
