from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from models.delivery.notice import Delivery
from models.telemetry.samples import Event
from streams.records import Drift, Recorded, Watermark
from streams.stages.case_desk import CaseDesk
from streams.stages.sink import SinkStage
from streams.wire import codec
from tests.support.case_life import plans
from tests.support.sunk import OPEN, READINGS, TOPICS, FakeSink, arrive, scores, settled

ROOT = Path(__file__).parents[1]
SENT = Delivery(
    key="n/ops", route="r", channel="ops", kind="opened", cases=("a-1",), attempt=1, ending="sent", time_ms=1
)

RECORDED = Recorded(
    record="f00d",
    number=1,
    at_ms=1,
    time_ms=1,
    kind="models",
    fleet="chiller",
    who="ann",
    role="admin",
    via="password",
    action="promote model",
    about="model 3 of chiller",
    result="done",
    detail="",
)


def written() -> dict[str, tuple[set[str], set[str]]]:
    """Return all tags and fields by measurement, of messages of each kind."""
    sink = FakeSink()
    signals = [
        Drift(detector="adwin", time_ms=1, value=1.0, text="moved", sensor="s0", asset=asset)
        for asset in ("", "a")
    ]
    signals.append(Drift(detector="adaptation", time_ms=1, value=0.1, text="decides", segment="fleet"))
    signals.append(
        Drift(detector="fleet", cause="sensor", time_ms=1, value=0.1, text="moved", unit="K", machines=["a"])
    )
    signals.append(Drift(detector="performance", time_ms=1, value=0.1, text="worth", labels=3))
    signals.append(Drift(detector="dead-letters", time_ms=1, value=1.0, text="no", reason="form"))
    sent = [
        codec.scores(TOPICS.scores, replace(scores(), readings=READINGS)),
        codec.watermark(TOPICS.scores, Watermark(1)),
        codec.alert(TOPICS.alerts, OPEN),
        *CaseDesk(TOPICS, 1, 1.0).process(
            [
                arrive(move, 0)
                for move in (codec.alert(TOPICS.case_commands, OPEN), codec.stop_command("", plans(1, 2)))
            ]
        ),
        *[codec.drift(TOPICS.drift, signal) for signal in signals],
        codec.delivery(TOPICS.deliveries, SENT),
        codec.recorded(TOPICS.record, RECORDED),
        codec.event(TOPICS.events, Event(1, "a", "shutdown", "surge")),
    ]
    unread = (TOPICS.notices, TOPICS.outcomes, TOPICS.case_replies)
    read = [message for message in sent if message.topic not in unread]
    assert settled(SinkStage(sink, TOPICS), *map(arrive, read)) == []
    found: dict[str, tuple[set[str], set[str]]] = {}
    for point in sink.written:
        tags, fields = found.setdefault(point.measurement, (set(), set()))
        tags |= set(point.tags)
        fields |= set(point.fields)
    return found


def documented() -> dict[str, tuple[str, str]]:
    """Return the cells of tags and fields by measurement."""
    page = (ROOT / "docs" / "stores.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", page, re.M)
    return {name: (tags, fields) for name, tags, fields in rows}


def names(cell: str) -> set[str]:
    """Return the names in a cell, without what is said of each in parentheses."""
    plain = re.sub(r"\]\([^()]*\)", "]", cell)
    return set(re.findall(r"`(\w+)`", re.sub(r"\([^()]*\)", "", plain)))


def test_every_tag_and_field_of_every_measurement_is_documented_and_no_other() -> None:
    assert {name: (names(tags), names(fields)) for name, (tags, fields) in documented().items()} == written()


def test_no_measurement_escapes_the_test_above() -> None:
    paths = [
        ROOT / "streams" / name
        for name in (
            "stages/sink.py",
            "stores/case_points.py",
            "stores/planned_stops.py",
            "stores/reading_points.py",
        )
    ]
    source = "".join(path.read_text(encoding="utf-8") for path in paths)
    assert set(re.findall(r'Point\(\s*"(\w+)"', source)) == set(written())


@pytest.mark.parametrize("page", ["stores.md", "wire.md"])
def test_every_detector_is_documented_and_no_other(page: str) -> None:
    sources = [*ROOT.glob("streams/**/*.py"), *ROOT.glob("models/**/*.py")]
    made = r'(?:detector=|QualitySignal\()\s*"([\w-]+)"'
    known = {name for path in sources for name in re.findall(made, path.read_text(encoding="utf-8"))}
    (row,) = re.findall(r"^\|.*`detector`.*$", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.M)
    said = set(re.findall(r"`([\w-]+)`", row))
    assert known - said == set()
    assert known >= {"adwin", "silent", "unit"}
    about = {"asset", "sensor", "segment", "cause", "partition", "detector", "drift"}
    effects = {"value", "text", "unit", "deviations", "machines", "psi", "ks", "wasserstein"}
    worth = {"estimated", "labels", "coverage", "age_d"}
    assert said - known <= about | effects | worth
