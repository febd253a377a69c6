"""A player keeps its speed, waits for who listens, and does what it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from models.errors import ConfigError
from models.telemetry.samples import Samples
from simulators.replay.player import MAX, Player, Steering, parse_speed, since
from streams.records import Control, Watermark
from streams.stage import Outgoing
from tests.support.collected import decoded
from tests.support.hours import FLEET, START_MS, slices
from tests.support.toy_fleet import MINUTE

END_MS = slices()[0].end_ms


class Clock:
    """Time passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


class Played:
    """What was sent, and when."""

    def __init__(
        self,
        speed: float = MAX,
        commands: Callable[[float], Sequence[Control]] = lambda _: (),
        is_ahead: Callable[[float], bool] = lambda _: False,
    ) -> None:
        clock = self.clock = Clock()
        self.sent: list[tuple[float, object]] = []
        self.said: list[str] = []
        steering = Steering(
            speed, lambda: commands(clock.now - 100), lambda _: is_ahead(clock.now - 100), self.said.append
        )
        self.player = Player(lambda at: since(slices(), at), steering, clock, clock.sleep)
        self.player.play(FLEET, partitions=1, telemetry="t", send=self.take)

    def take(self, _: int, message: Outgoing) -> None:
        record = decoded(message.value, message.content_type, FLEET).record
        self.sent.append((self.clock.now - 100, record))

    def samples(self) -> list[int]:
        return [t for _, r in self.sent if isinstance(r, Samples) for t in r.time_ms.tolist()]


def once(when_s: float, command: Control) -> Callable[[float], Sequence[Control]]:
    left = [command]
    return lambda now: [left.pop()] if left and now >= when_s else []


@pytest.mark.parametrize(("speed", "seconds"), [(60.0, 23.0), (1.0, 1380.0), (MAX, 0.0)])
def test_event_time_passes_at_the_speed_that_was_asked_for(speed: float, seconds: float) -> None:
    played = Played(speed)
    assert played.sent[-1][0] == pytest.approx(seconds, abs=0.2)
    assert played.player.position_ms == END_MS
    assert played.samples() == Played().samples()


def test_a_pause_is_not_caught_up() -> None:
    pause, resume = once(5.0, Control(command="pause")), once(65.0, Control(command="resume"))
    played = Played(60.0, lambda now: [*pause(now), *resume(now)])
    assert played.sent[-1][0] == pytest.approx(83.0, abs=1.2)
    assert not [at for at, _ in played.sent if 6.2 < at < 64.9]
    assert [word.split()[0] for word in played.said] == ["paused", "going"]


def test_nothing_is_sent_while_who_listens_is_behind() -> None:
    played = Played(is_ahead=lambda now: now < 30.0)
    assert min(at for at, _ in played.sent) >= 30.0
    assert played.samples() == Played().samples()


def test_a_seek_forward_leaves_out_and_one_back_sends_again() -> None:
    there = START_MS + 12 * MINUTE
    forward = Played(60.0, once(5.0, Control(command="seek", time=there)))
    minutes = [(t - START_MS) // MINUTE for t in forward.samples()]
    assert not {8, 9, 10} & set(minutes)
    assert max(minutes) == 23
    back = Played(60.0, once(12.0, Control(command="seek", time=START_MS)))
    assert back.samples().count(START_MS) == 2 * Played().samples().count(START_MS)


def test_the_speed_can_be_changed_on_the_way() -> None:
    played = Played(60.0, once(10.0, Control(command="speed", speed=0.0)))
    assert played.sent[-1][0] == pytest.approx(10.0, abs=1.2)


def test_a_stop_ends_every_partition_where_it_stands() -> None:
    played = Played(60.0, once(5.0, Control(command="stop")))
    last = played.sent[-1][1]
    assert isinstance(last, Watermark)
    assert last.end
    assert START_MS < last.time_ms < END_MS


def test_told_to_stop_before_anything_was_sent_the_end_is_told_for_a_time_that_is_one() -> None:
    (last,) = (r for _, r in Played(60.0, once(0.0, Control(command="stop"))).sent)
    assert isinstance(last, Watermark)
    assert (last.time_ms, last.end) == (START_MS + MINUTE, True)


def test_a_seek_beyond_the_end_ends_where_it_was() -> None:
    played = Played(60.0, once(5.0, Control(command="seek", time=END_MS + 1)))
    last = played.sent[-1][1]
    assert isinstance(last, Watermark)
    assert (last.time_ms, last.end) == (played.player.position_ms, True)
    assert START_MS < last.time_ms < END_MS


@pytest.mark.parametrize("text", ["fast", "0", "-1", "nan"])
def test_a_speed_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--speed = '{text}': expected a number above 0, or max"):
        parse_speed(text)
