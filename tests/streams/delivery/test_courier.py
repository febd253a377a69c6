"""The courier: nothing waits for a channel that is slow, and nothing is tried twice that was tried."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from models.delivery.notice import Notice, Parcel, Report
from models.errors import UnavailableError
from streams.delivery.courier import ThreadedCourier


@dataclass
class Way:
    """A channel that waits, or fails, as it is told."""

    gate: threading.Event = field(default_factory=threading.Event)
    fails: Exception | None = None
    sent: list[str] = field(default_factory=list)

    def send(self, parcel: Parcel) -> str:
        self.gate.wait(30)
        if self.fails:
            raise self.fails
        self.sent.append(parcel.key)
        return "17"


def open_way() -> Way:
    way = Way()
    way.gate.set()
    return way


def parcel(name: str, channel: str = "ops", attempts: int = 0) -> Parcel:
    notice = Notice(id=name, route="r", kind="opened", time_ms=1, lines=())
    return Parcel(notice=notice, channel=channel, next_ms=1, attempts=attempts)


class Reports(list[Report]):
    def await_(self, n: int) -> list[Report]:
        until_s = time.monotonic() + 30
        while len(self) < n and time.monotonic() < until_s:
            time.sleep(0.01)
        return list(self)


def courier(reports: Reports, clock: Callable[[], float] = time.monotonic, **ways: Way) -> ThreadedCourier:
    return ThreadedCourier(ways, reports.append, lambda: 5, clock)


def test_what_is_delivered_is_reported_with_the_word_of_the_receiver() -> None:
    reports = Reports()
    courier(reports, ops=open_way()).offer([parcel("n", attempts=2)])
    assert reports.await_(1) == [Report("n/ops", 3, sent=True, time_ms=5, reference="17")]


def test_a_slow_channel_keeps_no_other_waiting() -> None:
    reports, slow = Reports(), Way()
    one = courier(reports, slow=slow, ops=open_way())
    one.offer([parcel("n", "slow"), parcel("n", "ops")])
    assert [r.key for r in reports.await_(1)] == ["n/ops"]
    slow.gate.set()
    assert [r.key for r in reports.await_(2)] == ["n/ops", "n/slow"]


def test_what_is_offered_again_before_its_report_was_read_is_not_tried_again() -> None:
    reports, way = Reports(), open_way()
    one = courier(reports, ops=way)
    for _ in range(3):
        one.offer([parcel("n"), parcel("m")])
        reports.await_(2)
    assert sorted(way.sent) == ["m/ops", "n/ops"]
    one.offer([parcel("n", attempts=1)])
    reports.await_(3)
    assert len(way.sent) == 3


@pytest.mark.parametrize(
    ("fails", "said"),
    [(UnavailableError("ops: away"), "ops: away"), (ZeroDivisionError("oh"), "oh"), (KeyError(), "KeyError")],
)
def test_whatever_fails_is_reported_and_raises_an_alarm(
    fails: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    reports, way = Reports(), open_way()
    way.fails = fails
    courier(reports, ops=way).offer([parcel("n")])
    (report,) = reports.await_(1)
    assert (report.sent, report.reason, report.attempt) == (False, said, 1)
    assert f"notice n/ops was not delivered ({said}); nothing is lost, next try in 10 s" in caplog.text


def test_a_channel_that_is_set_no_more_is_a_failed_attempt() -> None:
    reports = Reports()
    courier(reports).offer([parcel("n", "old")])
    assert "no channel of this name is set" in reports.await_(1)[0].reason


def test_what_was_offered_long_ago_is_not_begun() -> None:
    reports, slow, now = Reports(), Way(), [0.0]
    one = courier(reports, lambda: now[0], ops=slow)
    one.offer([parcel("n"), parcel("m")])
    time.sleep(0.1)
    now[0] = 60.0
    slow.gate.set()
    assert [r.key for r in reports.await_(1)] == ["n/ops"]
    time.sleep(0.2)
    assert slow.sent == ["n/ops"]
