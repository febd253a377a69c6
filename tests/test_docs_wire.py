from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from models.cases.book import Answer
from models.cases.case import Assigned, Case, Entry, Evidence, Finding, Level, Mark, Snooze, Stop
from models.cases.people import Command
from models.cases.stops import PlannedStop, StopCommand
from models.delivery.notice import Beat, Delivery, News, Report, Silence
from models.fleet.fleet import load_fleet
from models.registry.promotion import Promotion
from models.risk.explanation import Cause, Reason
from models.telemetry.samples import Event
from streams.kafka.topics import NAMES, STATES
from streams.records import (
    Alert,
    Assignment,
    CaseOutcome,
    Computed,
    Control,
    DeadLetter,
    Drift,
    FeatureMark,
    Heard,
    Recorded,
    Redriven,
    Sample,
    Watermark,
)
from streams.state.snapshots import STATE, Position, StateRecord
from streams.wire import codec
from streams.wire import validation as checks
from streams.wire.blocks import Block
from streams.wire.window_blocks import ReadingBlock, ScoreBlock, WindowBlock
from tests.support.collected import decoded

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "wire.md").read_text(encoding="utf-8")
FLEET = load_fleet(ROOT / "fleets" / "chiller.toml")
RECORDS: list[tuple[str, tuple[str, ...]]] = [
    (codec.SAMPLE, Sample.__struct_fields__),
    (codec.BLOCK, Block.__struct_fields__),
    (codec.EVENT, tuple(f.name for f in dataclasses.fields(Event))),
    (codec.WATERMARK, Watermark.__struct_fields__),
    (codec.WINDOWS, WindowBlock.__struct_fields__),
    (codec.SCORES, ScoreBlock.__struct_fields__),
    (codec.SCORES, ReadingBlock.__struct_fields__),
    (codec.ALERT, Alert.__struct_fields__),
    (codec.ALERT, tuple(f.name for f in dataclasses.fields(Reason))),
    (codec.ALERT, tuple(f.name for f in dataclasses.fields(Cause))),
    (codec.DRIFT, Drift.__struct_fields__),
    (codec.DEAD_LETTER, DeadLetter.__struct_fields__),
    (codec.REDRIVEN, Redriven.__struct_fields__),
    (codec.PROMOTION, Promotion.__struct_fields__),
    (codec.ASSIGNMENT, Assignment.__struct_fields__),
    (codec.FEATURE_MARK, FeatureMark.__struct_fields__),
    (codec.FEATURE_MARK, Computed.__struct_fields__),
    (codec.CONTROL, Control.__struct_fields__),
    (codec.HEARD, Heard.__struct_fields__),
    (codec.CASE_COMMAND, Command.__struct_fields__),
    *[
        (codec.CASE, kind.__struct_fields__)
        for kind in (Case, Evidence, Level, Mark, Assigned, Snooze, Finding, Stop)
    ],
    (codec.STOP_COMMAND, StopCommand.__struct_fields__),
    (codec.PLANNED_STOP, PlannedStop.__struct_fields__),
    (codec.CASE_ENTRY, Entry.__struct_fields__),
    (codec.CASE_REPLY, Answer.__struct_fields__),
    (codec.CASE_OUTCOME, CaseOutcome.__struct_fields__),
    (codec.CASE_NEWS, News.__struct_fields__),
    (codec.BEAT, Beat.__struct_fields__),
    (codec.SILENCE, Silence.__struct_fields__),
    (codec.REPORT, Report.__struct_fields__),
    (codec.DELIVERY, Delivery.__struct_fields__),
    (codec.RECORDED, Recorded.__struct_fields__),
    (STATE, Position.__struct_fields__),
    (STATE, StateRecord.__struct_fields__),
]


def section(content_type: str) -> str:
    """Return what stands under the heading of a content type."""
    found = re.search(rf"^### `{re.escape(content_type)}`\n(.*?)(?=^##|\Z)", TEXT, re.M | re.S)
    return found[1] if found else ""


@pytest.mark.parametrize("topic", [*NAMES, *STATES])
def test_every_topic_stands_in_the_table_with_its_key(topic: str) -> None:
    assert re.search(rf"^\| `{topic}` \| \w[\w ]+ \|", TEXT, re.M)


@pytest.mark.parametrize(("content_type", "fields"), RECORDS)
def test_every_field_of_every_message_is_described(content_type: str, fields: tuple[str, ...]) -> None:
    rows = "".join(line for line in section(content_type).splitlines() if line.startswith("| "))
    assert [name for name in fields if f"`{name}`" not in rows] == []


def test_no_codec_lacks_a_section() -> None:
    codecs = {v for v in vars(codec).values() if isinstance(v, str) and v.startswith("application/")}
    assert {content_type for content_type, _ in RECORDS} == codecs | {STATE}
    assert [c for c in codecs if not section(c)] == []


@pytest.mark.parametrize("content_type", [codec.SAMPLE, codec.EVENT, codec.WATERMARK])
def test_the_examples_are_understood(content_type: str) -> None:
    example = re.search(r"```json\n(.*?)```", section(content_type), re.S)
    assert example
    assert decoded(example[1].encode(), content_type, FLEET).problems == ()


def test_the_limits_that_are_named_are_those_of_the_code() -> None:
    assert f"at most {checks.MAX_BYTES // 2**20} MiB is read" in TEXT
    assert f"cut at {checks.MAX_NAME} and 80 characters" in TEXT
