from __future__ import annotations

import asyncio
import threading

import pytest

from models.errors import UnavailableError
from streams.page.answers import Answer, Current, Shared


class Source:
    """A store that counts how often it is read; its version and the time of day are set by the test."""

    def __init__(self, version: str | None = "1") -> None:
        self.told = version
        self.reads = 0
        self.now_s = 100.0
        self.is_away = False

    def read(self) -> int:
        if self.is_away:
            unavailable()
        self.reads += 1
        return self.reads

    def current(self) -> Current[int]:
        return Current(self.read, lambda: self.told, lambda: self.now_s)


def test_what_was_read_is_kept_while_the_version_stays_and_a_minute_at_most() -> None:
    source = Source()
    current = source.current()
    seen = []
    for after_s in (0, 1, 30, 59, 61, 62):
        source.now_s = 100.0 + after_s
        seen.append(asyncio.run(current.get()))
    assert seen == [1, 1, 1, 1, 2, 2]


def test_another_version_is_seen_once_the_short_time_is_over() -> None:
    source = Source()
    current = source.current()
    asyncio.run(current.get())
    source.told, source.now_s = "2", 101.0
    assert asyncio.run(current.get()) == 1
    source.now_s = 102.5
    assert asyncio.run(current.get()) == 2


def test_a_store_that_cannot_tell_is_read_after_each_short_time() -> None:
    source = Source(version=None)
    current = source.current()
    seen = []
    for after_s in (0, 1, 3, 4, 6):
        source.now_s = 100.0 + after_s
        seen.append(asyncio.run(current.get()))
    assert seen == [1, 1, 2, 2, 3]


def test_an_error_is_told_and_not_kept() -> None:
    source = Source()
    source.is_away = True
    current = source.current()
    with pytest.raises(UnavailableError):
        asyncio.run(current.get())
    source.is_away = False
    assert asyncio.run(current.get()) == 1


def unavailable() -> int:
    raise UnavailableError("away")


@pytest.mark.parametrize("fails", [False, True])
def test_a_hundred_who_ask_at_once_are_answered_by_one_reading(fails: bool) -> None:
    begun, gate = [], threading.Event()

    def slow() -> int:
        begun.append(1)
        assert gate.wait(30)
        return unavailable() if fails else 7

    async def ask() -> list[int | BaseException]:
        shared: Shared[int] = Shared()
        waiting = [asyncio.ensure_future(shared.get("key", slow)) for _ in range(100)]
        await asyncio.sleep(0.05)
        gate.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    found = asyncio.run(ask())
    assert len(begun) == 1
    assert len(found) == 100
    assert all(isinstance(one, UnavailableError) if fails else one == 7 for one in found)


def test_who_goes_away_takes_nothing_from_who_waits() -> None:
    gate = threading.Event()

    async def ask() -> int:
        shared: Shared[int] = Shared()
        first, second = (
            asyncio.ensure_future(shared.get("key", lambda: int(gate.wait(30)))) for _ in range(2)
        )
        await asyncio.sleep(0.05)
        first.cancel()
        gate.set()
        return await second

    assert asyncio.run(ask()) == 1


def test_only_so_many_are_kept_those_last_asked_for() -> None:
    made: list[str] = []

    async def ask() -> None:
        shared: Shared[None] = Shared(most=2)
        for key in ("a", "b", "a", "c", "a", "b"):
            await shared.get(key, lambda key=key: made.append(key))  # type: ignore[misc]

    asyncio.run(ask())
    assert made == ["a", "b", "c", "b"]


def test_an_answer_is_named_by_its_content() -> None:
    one, other = Answer.with_body(b"x", "text/html"), Answer.with_body(b"y", "text/html")
    assert one == Answer.with_body(b"x", "text/html")
    assert one.etag != other.etag
