"""What the doctor asks a Kafka broker."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from chillcast.doctor.findings import Finding, guarded, skipped
from chillcast.pipeline.dead_letters import waiting
from chillcast.pipeline.pipeline import STAGES
from chillcast.resources import Resources
from chillcast.settings import Settings
from models.errors import ChillcastError
from models.fleet.fleet import Fleet
from models.registry.promotion import CHAMPION
from streams.champions.assignments import read_assignments
from streams.kafka.cluster import Cluster, connected
from streams.kafka.damage import DAMAGED
from streams.kafka.log_reader import KafkaLog
from streams.kafka.topics import Topics, wait_for_broker
from streams.records import DeadLetter
from streams.wire.letter_reasons import word_of
from streams.worker.commit import EXACTLY_ONCE, commits_of

_MUCH = 10_000
_LOOKED_AT = 500  # dead letters of a partition
_DAY_S = 86_400
_CREATE = "chillcast up creates them"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at: a cluster that answers, and what it is to hold."""

    cluster: Cluster
    settings: Settings
    fleet: Fleet | None
    now_s: float

    @property
    def topics(self) -> Topics:
        """The topics by their full names."""
        return Topics(self.settings.topic_prefix)


def broker_findings(
    settings: Settings, fleet: Fleet | None, clock: Callable[[], float] = time.time
) -> list[Finding]:
    """Return what the broker says; nothing is checked on an embedded one, which ends with its command."""
    if not settings.broker:
        detail = "none configured; embedded broker: demonstrations only"
        return [Finding("warn", "broker", detail, "set CHILLCAST_BROKER to host:port of a Kafka")]
    try:
        wait_for_broker(settings.connection, lambda _: None, give_up_s=0.0)
        with connected(settings.connection) as cluster:
            found = _checked(Subject(cluster, settings, fleet, clock()))
    except ChillcastError as error:
        first = Finding("FAIL", "broker", str(error), "start it, or correct CHILLCAST_BROKER")
        return [first, *skipped([name for name, _, _ in _CHECKS], "the broker does not answer")]
    return [Finding("ok", "broker", f"{settings.connection} answers"), *found]


def _checked(subject: Subject) -> list[Finding]:
    return [guarded(name, remedy, partial(check, subject)) for name, remedy, check in _CHECKS]


def _exactly_once(subject: Subject) -> Finding:
    """Say how the running workers commit: what the broker grants now may not be what it granted them."""
    said: dict[str, list[str | None]] = {}
    for stage in STAGES:
        members = subject.cluster.members(subject.topics.group(stage))
        said[stage] = [commits_of(member) for member in members]
    if not any(said.values()):
        return Finding("skipped", "transactions", "no worker runs that says how it commits")
    counts = {stage: (sum(w != EXACTLY_ONCE for w in ways), len(ways)) for stage, ways in said.items()}
    other = [f"{stage} ({n} of {of})" for stage, (n, of) in counts.items() if n]
    if not other:
        running = ", ".join(f"{stage} ({of})" for stage, (_, of) in counts.items() if of)
        return Finding("ok", "transactions", f"exactly once: {running}")
    detail = f"without: {', '.join(other)}: after a crash results may be written twice, with the same content"
    return Finding("warn", "transactions", detail, "use Apache Kafka, and restart these workers")


def _topics(subject: Subject) -> Finding:
    wanted, count = subject.topics.all, subject.settings.partitions
    found = subject.cluster.partitions(wanted)
    wrong = [f"{name} has {n}" for name, n in found.items() if n != count]
    if wrong:
        detail = f"partitions: {', '.join(wrong)}: expected {count}"
        return Finding("FAIL", "topics", detail, "correct CHILLCAST_PARTITIONS, or use a new topic prefix")
    missing = [name for name in wanted if name not in found]
    if missing:
        return Finding("warn", "topics", f"missing: {', '.join(missing)}", _CREATE)
    return Finding("ok", "topics", f"{len(wanted)} with {count} partitions each")


def _retention(subject: Subject) -> Finding:
    """Windows are computed again from telemetry where state is lost: it has to reach back that far."""
    topic, fleet = subject.topics.telemetry, subject.fleet
    if fleet is None:
        return Finding("skipped", "retention", "the fleet file is not readable")
    if topic not in subject.cluster.topics():
        return Finding("skipped", "retention", f"topic {topic} does not exist yet")
    config = subject.cluster.config(topic)
    needed_s = fleet.sampling.reach_s + fleet.sampling.lateness_s
    return _judged_retention(topic, config, needed_s)


def _judged_retention(topic: str, config: dict[str, str], needed_s: int) -> Finding:
    needed = f"windows and lateness need {needed_s / _DAY_S:g} d"
    kept = config.get("retention.ms")
    if kept is None:
        return Finding("warn", "retention", f"the broker does not say how long {topic} is kept; {needed}")
    for_ever = int(kept) < 0 or config.get("cleanup.policy") == "compact"
    if not for_ever and int(kept) <= needed_s * 1000:
        detail = f"{topic} is kept {int(kept) / 1000 / _DAY_S:g} d; {needed}"
        return Finding("warn", "retention", detail, f"set retention.ms of {topic} above {needed_s * 1000}")
    if int(config.get("retention.bytes", -1)) >= 0:
        detail = f"{topic} is cut at {config['retention.bytes']} bytes per partition; {needed}"
        return Finding("warn", "retention", detail, f"set retention.bytes of {topic} to -1")
    span = "for ever" if for_ever else f"{int(kept) / 1000 / _DAY_S:g} d"
    return Finding("ok", "retention", f"{topic} is kept {span}; {needed}")


def _state(subject: Subject) -> Finding:
    names = sorted(subject.cluster.topics().intersection(subject.topics.compacted))
    if not names:
        return Finding("warn", "state", "no state topic yet", _CREATE)
    policies = {name: subject.cluster.config(name).get("cleanup.policy", "unknown") for name in names}
    wrong = [f"{name} ({policy})" for name, policy in policies.items() if policy != "compact"]
    if wrong:
        remedy = "set their cleanup.policy to compact before state is lost"
        return Finding("FAIL", "state", f"not compacted: {', '.join(wrong)}", remedy)
    return Finding("ok", "state", f"compacted: {', '.join(names)}")


def _scoring(subject: Subject) -> Finding:
    """Say whether the risk workers score with the champion; they take it with the next windows they see."""
    topic = subject.topics.promotions
    if subject.fleet is None:
        return Finding("skipped", "scoring", "the fleet file is not readable")
    if topic not in subject.cluster.topics():
        return Finding("warn", "scoring", f"no topic {topic}: promotions come by pointer file only", _CREATE)
    champion = Resources(subject.settings, subject.fleet).promotions.newest()
    assignments = asyncio.run(
        read_assignments(subject.settings.connection, topic, subject.settings.partitions)
    )
    last = {p: t[-1].version for p, ts in assignments.items() if (t := [x for x in ts if x.role == CHAMPION])}
    if champion is None or not last:
        return Finding("skipped", "scoring", "nothing has been promoted, or nothing scored")
    other = [f"partition {p} with {v}" for p, v in sorted(last.items()) if v != champion.version]
    if not other:
        return Finding("ok", "scoring", f"version {champion.version}, on {len(last)} partitions")
    detail = f"version {champion.version} was promoted; scored last: {', '.join(other)}"
    return Finding(
        "warn", "scoring", detail, "it is taken with the next windows; else see the risk workers' alarms"
    )


def _dead_letters(subject: Subject) -> Finding:
    """Say what of the last day could not be used; a batch that nobody could read is a failure."""
    topic, count = subject.topics.dead_letters, subject.settings.partitions
    if topic not in subject.cluster.topics():
        return Finding("skipped", "dead letters", f"topic {topic} does not exist yet")
    spans = subject.cluster.since(topic, count, int((subject.now_s - _DAY_S) * 1000))
    total = sum(end - start for start, end in spans.values())
    letters = asyncio.run(_letters(subject, {p: (max(s, e - _LOOKED_AT), e) for p, (s, e) in spans.items()}))
    if not letters:
        return Finding("ok", "dead letters", "none in a day")
    unread = [letter for letter in letters if letter.content_type == DAMAGED]
    total = max(total, len(letters))  # the embedded broker names an end before its last batch's
    last = (unread or letters)[-1]
    place = f"{_by_word(letters)}; {last.topic}/{last.partition} offset {last.offset}: {last.reason}"
    if unread:
        remedy = "see docs/operations.md, A batch that cannot be decoded"
        return Finding("FAIL", "dead letters", f"{len(unread)} batches lost in a day; {place}", remedy)
    detail = f"{total} in a day; {place}"
    return Finding("warn", "dead letters", detail, "mend the source; chillcast dead-letters list")


def _by_word(letters: Sequence[DeadLetter]) -> str:
    """Say how many of the newest letters have which reason, the most frequent first."""
    counts = Counter(word_of(letter.reason) for letter in letters)
    return ", ".join(f"{word} {n}" for word, n in counts.most_common())


async def _letters(subject: Subject, spans: Mapping[int, tuple[int, int]]) -> list[DeadLetter]:
    log = KafkaLog(subject.settings.connection, subject.topics.dead_letters)
    try:
        found = [m for p, span in spans.items() async for part in log.read(p, *span) for m in part]
    finally:
        await log.stop()
    return [letter.content for letter in waiting(found)]


def _lag(stage: str) -> Callable[[Subject], Finding]:
    def check(subject: Subject) -> Finding:
        what, group = f"lag {stage}", subject.topics.group(stage)
        status = subject.cluster.group(group)
        if not status.committed:
            return Finding("warn", what, f"group {group} has processed nothing", "run chillcast up")
        detail = f"group {group} is {status.lag} messages behind"
        if status.state in ("Empty", "Dead"):
            return Finding("warn", what, f"{detail}, and no worker is running", "run chillcast up")
        if status.lag > _MUCH:
            return Finding("warn", what, detail, f"if it grows: add workers (chillcast worker {stage})")
        return Finding("ok", what, detail)

    return check


_CHECKS: tuple[tuple[str, str, Callable[[Subject], Finding]], ...] = (
    ("transactions", "allow DESCRIBE on groups", _exactly_once),
    ("topics", "allow DESCRIBE on topics", _topics),
    ("retention", "allow DESCRIBE_CONFIGS on topics", _retention),
    ("state", "allow DESCRIBE_CONFIGS on topics", _state),
    ("scoring", "allow READ on the promotions topic", _scoring),
    ("dead letters", "allow READ on the dead letters", _dead_letters),
    *((f"lag {stage}", "allow DESCRIBE on groups", _lag(stage)) for stage in STAGES),
)
