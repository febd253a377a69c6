"""What people ask of the toy fleet's cases while it runs: some stale, some sent twice, some nonsense."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from models.cases.case import OUTCOMES
from models.cases.people import Command
from streams.kafka.topics import Topics, partition_of
from streams.records import Alert
from streams.stage import Incoming, Outgoing
from streams.wire import codec
from tests.kafka.toy import HOP_MS, HOPS, NAMES, PARTITIONS, START_MS

_FIRST_HOP, _EVERY, _NONSENSE_EVERY = 20, 2, 40
_ACTIONS = ("comment", "acknowledge", "resolve", "assign", "reopen", "snooze", "resolve", "unsnooze")


def orders(topics: Topics) -> dict[int, list[tuple[int, Outgoing]]]:
    """Return partition and message of what is asked, by hop."""
    out: dict[int, list[tuple[int, Outgoing]]] = defaultdict(list)
    for hop in range(_FIRST_HOP, HOPS, _EVERY):
        for number in range(hop % 4 // 2, len(NAMES), 2):
            command = _command(hop, number)
            out[hop].append((_home(command.asset), codec.case_command(topics.case_commands, command)))
        if hop % _NONSENSE_EVERY == 0:
            value = b'{"id":"x","asset":"a0","action":"explode"}'
            bad = Outgoing(topics.case_commands, b"a0", value, codec.CASE_COMMAND)
            out[hop] += [(p, bad) for p in range(PARTITIONS)]
    return out


def merged(
    heads: Sequence[tuple[int, Outgoing]], alerts: Sequence[tuple[int, Outgoing]], topics: Topics
) -> dict[int, list[Incoming]]:
    """Return heads, alerts and orders, by partition, in an order as they might have: that of their times."""
    ranked = [(0, p, m) for p, m in heads if m.topic == topics.case_commands]
    ranked += [(msgspec.json.decode(m.value, type=Alert).time_ms, p, m) for p, m in alerts]
    ranked += [(_end_ms(hop), p, m) for hop, asked in orders(topics).items() for p, m in asked]
    out: dict[int, list[Incoming]] = {p: [] for p in range(PARTITIONS)}
    for _, p, m in sorted(ranked, key=lambda one: one[0]):
        kind = m.content_type
        out[p].append(Incoming(topics.case_commands, p, len(out[p]), m.key, m.value, kind))
    return out


def once(moves: Mapping[int, Sequence[Incoming]]) -> Iterator[Incoming]:
    """Yield what moves cases, of alerts that came twice the first."""
    passed = set[bytes]()
    for message in itertools.chain(*moves.values()):
        value = message.value or b""
        if message.content_type != codec.ALERT or value not in passed:
            yield message
        if message.content_type == codec.ALERT:
            passed.add(value)


def _command(hop: int, number: int) -> Command:
    turn = hop // _EVERY + number
    action = _ACTIONS[turn % len(_ACTIONS)]
    asked = {
        "id": f"{number}-{turn // 2}",
        "asset": NAMES[number],
        "action": action,
        "version": turn % 7 + 1,
        "who": ("ann", "bob")[turn % 2],
        "time_ms": _end_ms(hop),
        "text": f"in hop {hop}",
        "assignee": ("", "cy")[turn % 2],
        "until": ("worse", "cleared")[turn % 2],
        "outcome": OUTCOMES[(turn + 2 * number) % len(OUTCOMES)],
        "mode": "leak",
    }
    return msgspec.convert(asked, Command)


def _end_ms(hop: int) -> int:
    return START_MS + hop * HOP_MS


def _home(asset: str) -> int:
    return partition_of(asset, PARTITIONS)
