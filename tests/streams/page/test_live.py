"""What browsers are told of changes, and that nobody is kept waiting for one who left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from streams.page.live import Live, Pace
from streams.stores.sqlite import SqliteStore
from tests.support.case_life import asks
from tests.support.case_store import LedCases
from tests.support.page import fill

QUICK = Pace(look_s=0.02, beat_s=0.5, lasts_s=3.0, streams=2)
NOBODY = Request({"type": "http"})


@pytest.fixture
def led(tmp_path: Path) -> LedCases:
    found = LedCases(SqliteStore(tmp_path / "s.db"))
    found.begin()
    return found


async def listen(live: Live) -> AsyncIterator[str]:
    answer = await live.stream(NOBODY)
    assert isinstance(answer, StreamingResponse)
    told = cast(AsyncIterator[str], answer.body_iterator)
    assert await anext(told) == "retry: 1000\n\n"
    return told


async def next_stamps(told: AsyncIterator[str]) -> dict[str, str]:
    text = await anext(told)
    return cast(dict[str, str], json.loads(text.removeprefix("data: ")))


def test_who_listens_hears_the_present_state_and_each_change(led: LedCases) -> None:
    async def hear() -> list[dict[str, str]]:
        told = await listen(Live(led.store, QUICK))
        heard = [await next_stamps(told)]
        led.ask(asks("acknowledge", 1, asset="CH-0001"))
        heard.append(await next_stamps(told))
        fill(led.store)
        return [*heard, await next_stamps(told)]

    first, acknowledged, scored = asyncio.run(hear())
    assert first["cases"] != acknowledged["cases"] == scored["cases"]
    assert len({first["store"], acknowledged["store"], scored["store"]}) == 3


def test_who_left_is_not_counted_and_nobody_looks_any_more(led: LedCases) -> None:
    async def leave() -> tuple[int, int, bool]:
        live = Live(led.store, QUICK)
        told = await listen(live)
        await next_stamps(told)
        before = live.listeners
        await told.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(0.2)
        assert live._watching is not None
        return before, live.listeners, live._watching.done()

    assert asyncio.run(leave()) == (1, 0, True)


def test_a_stream_ends_by_itself_and_more_than_allowed_are_told_to_ask(led: LedCases) -> None:
    async def crowd() -> tuple[int, list[str]]:
        live = Live(led.store, Pace(look_s=0.02, beat_s=0.05, lasts_s=0.2, streams=1))
        told = await listen(live)
        refused = await live.stream(NOBODY)
        return refused.status_code, [text async for text in told]

    status, heard = asyncio.run(crowd())
    assert status == 503
    assert 2 <= len(heard) <= 6


def test_what_a_stream_says_can_be_asked_for(led: LedCases) -> None:
    live = Live(led.store, QUICK)
    answer = asyncio.run(live.now(NOBODY))
    assert json.loads(bytes(answer.body)) == live.stamps
    assert all(len(stamp) == 16 for stamp in live.stamps.values())
