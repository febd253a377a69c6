from __future__ import annotations

import asyncio

import pytest

from streams.worker.faust_consumer import Begun


async def _waiting(event: asyncio.Event, seen: list[str]) -> str:
    try:
        await event.wait()
    except asyncio.CancelledError:
        seen.append("cancelled")
        raise
    await asyncio.sleep(0)
    return "waited"


async def _at_once() -> str:
    return "at once"


async def _failing(event: asyncio.Event) -> None:
    await event.wait()
    raise KeyError("afterwards")


def test_a_coroutine_without_a_wait_is_done_when_it_was_begun() -> None:
    begun = Begun(_at_once())
    assert (begun.is_done, begun.result) == (True, "at once")


def test_one_that_waits_is_awaited_as_if_nobody_had_begun_it() -> None:
    async def run() -> object:
        event = asyncio.Event()
        begun = Begun(_waiting(event, []))
        assert not begun.is_done
        asyncio.get_running_loop().call_later(0.01, event.set)
        return await asyncio.ensure_future(begun)

    assert asyncio.run(run()) == "waited"


def test_what_it_raises_after_its_first_wait_reaches_who_awaits_it() -> None:
    async def run() -> None:
        event = asyncio.Event()
        begun = Begun(_failing(event))
        event.set()
        await asyncio.ensure_future(begun)

    with pytest.raises(KeyError, match="afterwards"):
        asyncio.run(run())


def test_a_cancellation_reaches_the_coroutine_itself() -> None:
    seen: list[str] = []

    async def run() -> None:
        task = asyncio.ensure_future(Begun(_waiting(asyncio.Event(), seen)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(run())
    assert seen == ["cancelled"]
