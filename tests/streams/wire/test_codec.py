from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.cases.stops import PlannedStop
from models.errors import RecordError
from models.features.kernel import Windows
from models.fleet.fleet import load_fleet
from models.registry.promotion import Promotion
from models.risk.explanation import Reason
from models.telemetry.samples import Event, Samples
from streams.records import Alert, Assignment, DeadLetter, Drift, Readings, Sample, Scores, Watermark
from streams.stage import Incoming, Outgoing
from streams.wire import codec
from streams.wire.telemetry import Decoded
from streams.wire.validation import MAX_NAME
from tests.support.case_life import plans
from tests.support.collected import decoded

FLEET = load_fleet(Path(__file__).parents[3] / "fleets" / "chiller.toml")
KEYS = FLEET.keys
NOON_MS = 1_704_110_400_000
FINGERPRINT = "f" * 16
TYPES = [
    "",
    codec.SAMPLE,
    codec.BLOCK,
    codec.EVENT,
    codec.WATERMARK,
    codec.WINDOWS,
    codec.SCORES,
    "text/plain",
]
SHUTDOWN = Event(NOON_MS, "CH-0001", "shutdown", "high-condenser-pressure")
ALERT = Alert(
    case="CH-0001-1",
    asset="CH-0001",
    stage="open",
    severity="high",
    time_ms=NOON_MS,
    opened_ms=NOON_MS,
    risk=0.4,
    threshold=0.2,
    horizon_d=7.0,
    text="condenser pressure rises",
    fault="fouled condenser",
    check="clean the tubes",
    sensors=[Reason(key="cond_pressure", label="", unit="kPa", value=None, baseline=900.0, contribution=1.2)],
    model="3",
)
DRIFT = Drift(detector="quality", time_ms=NOON_MS, value=0.5, text="half is missing", sensor=KEYS[0])


def telemetry(message: Outgoing) -> Decoded:
    return decoded(message.value, message.content_type, FLEET)


def sample_of(**changes: Any) -> bytes:
    return json.dumps({"asset": "CH-0001", "time": NOON_MS, "values": {KEYS[1]: 5.5}} | changes).encode()


def windows_of(rows: int, features: int = 3) -> Windows:
    names = ("CH-0001", "CH-0002")
    asset = np.arange(rows, dtype=np.int32) % 2
    end_ms = NOON_MS + np.arange(rows, dtype=np.int64)
    values = np.arange(rows * features, dtype=np.float32).reshape(rows, features)
    return Windows(names, asset, end_ms, np.arange(rows, dtype=np.int32), values)


def scores_of(rows: int) -> Scores:
    w = windows_of(rows)
    risk = np.linspace(0.0, 1.0, rows * 2).reshape(rows, 2)
    return Scores("7", (1.0, 7.0), w.assets, w.asset, w.end_ms, w.revision, risk, np.full(rows, 0.25))


@pytest.mark.parametrize("content_type", ["", codec.SAMPLE])
def test_a_named_sample_needs_no_header(content_type: str) -> None:
    record = decoded(sample_of(), content_type, FLEET).record
    assert isinstance(record, Samples)
    assert (record.assets, record.time_ms.tolist()) == (("CH-0001",), [NOON_MS])
    assert record.values.shape == (1, len(KEYS))
    assert record.values[0, 1] == 5.5
    assert np.isnan(record.values[0, [0, 2]]).all()


def test_null_is_a_missing_value() -> None:
    values = {KEYS[0]: None, KEYS[1]: 1}
    record = decoded(sample_of(values=values), "", FLEET).record
    assert isinstance(record, Samples)
    assert np.isnan(record.values[0, 0])


def test_an_unknown_sensor_is_reported_and_the_others_are_used() -> None:
    found = decoded(sample_of(values={"oil": 1.0, KEYS[0]: 2.0}), "", FLEET)
    assert found.problems == ("values: not sensors of fleet chiller: 'oil'",)
    assert isinstance(found.record, Samples)
    assert found.record.values[0, 0] == 2.0


def test_a_thousand_unknown_sensors_are_one_problem_of_bounded_length() -> None:
    values: dict[str, float] = {f"{i:04d}" + "x" * 1000: 1.0 for i in range(1000)}
    found = decoded(sample_of(values=values | {KEYS[0]: 1.0}), "", FLEET)
    (problem,) = found.problems
    assert problem.endswith("…' and 984 more")
    assert len(problem) < 1000


def test_a_number_too_large_for_a_float32_is_missing_and_reported() -> None:
    found = decoded(sample_of(values={KEYS[0]: 1e39, KEYS[1]: 1.0}), "", FLEET)
    assert found.problems == ("values: 1 infinite, taken as missing",)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "empty message"),
        (b"{", "not a Sample in JSON"),
        (sample_of(asset="pump 7"), "asset 'pump 7': expected a name like"),
        (sample_of(asset="C" * 10_000), "asset 'CCC.*…': expected a name like"),
        (sample_of(time="2024-01-01T00:00:00"), "expected an offset from UTC"),
        (sample_of(values={}), "no finite value of a known sensor"),
        (sample_of(values={"oil": 1.0}), "values: not sensors of fleet chiller: 'oil'; no finite value"),
        (sample_of(values={KEYS[0]: "7"}), "leaving_temp '7': expected a number or null"),
        (sample_of(values={KEYS[0]: True}), "leaving_temp True: expected a number or null"),
    ],
)
def test_a_sample_of_which_nothing_can_be_used_is_refused(value: bytes, reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        decoded(value, codec.SAMPLE, FLEET)


def test_a_sample_a_block_an_event_and_a_watermark_survive_the_wire() -> None:
    samples = telemetry(
        codec.sample("t", Sample(asset="CH-0001", time=NOON_MS, values={KEYS[0]: 1.0}))
    ).record
    assert isinstance(samples, Samples)
    block = codec.block("t", samples, FLEET.schema)
    assert (block.topic, block.key) == ("t", b"CH-0001")
    again = telemetry(block).record
    assert isinstance(again, Samples)
    np.testing.assert_array_equal(again.values, samples.values)
    assert telemetry(codec.event("t", SHUTDOWN)).record == SHUTDOWN
    assert telemetry(codec.watermark("t", Watermark(NOON_MS, end=True))).record == Watermark(NOON_MS, True)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Event(NOON_MS, "pump 7", "shutdown"), "asset 'pump 7'"),
        (Event(0, "CH-0001", "shutdown"), "time_ms 0: expected"),
        (Event(NOON_MS, "CH-0001", ""), "kind ''"),
        (Event(NOON_MS, "CH-0001", "shut\ndown"), "kind 'shut"),
        (Event(NOON_MS, "CH-0001", "shutdown", "x" * 1000), "code 'xxx"),
    ],
)
def test_an_implausible_event_is_refused(event: Event, reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        telemetry(codec.event("t", event))


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 5))
def test_windows_survive_the_wire_also_in_parts(rows: int, features: int, start: int) -> None:
    start = min(start, rows - 1)
    sent = windows_of(rows, features)
    message = codec.windows("features", sent, slice(start, rows), FINGERPRINT)
    found = codec.decode_features(message.value, message.content_type, FINGERPRINT)
    assert isinstance(found, Windows)
    assert [found.assets[i] for i in found.asset] == [sent.assets[i] for i in sent.asset[start:]]
    assert message.key.decode() == found.assets[0]
    assert len(found.assets) == min(rows - start, 2)
    assert found.asset.dtype == sent.asset.dtype
    for name in ("end_ms", "revision", "values"):
        np.testing.assert_array_equal(getattr(found, name), getattr(sent, name)[start:])
        assert getattr(found, name).dtype == getattr(sent, name).dtype


def test_windows_of_another_feature_schema_are_refused() -> None:
    message = codec.windows("features", windows_of(1), slice(0, 1), "0" * 16)
    with pytest.raises(
        RecordError, match=f"fingerprint '0000000000000000': the model expects '{FINGERPRINT}'"
    ):
        codec.decode_features(message.value, message.content_type, FINGERPRINT)


def test_events_and_watermarks_pass_through_the_features_topic() -> None:
    for message, record in (
        (codec.event("features", SHUTDOWN), SHUTDOWN),
        (codec.watermark("features", Watermark(NOON_MS)), Watermark(NOON_MS)),
    ):
        assert codec.decode_features(message.value, message.content_type, FINGERPRINT) == record


@given(st.integers(1, 6))
def test_scores_survive_the_wire(rows: int) -> None:
    sent = scores_of(rows)
    message = codec.scores("scores", sent)
    found = codec.decode_scores(message.value, message.content_type)
    assert isinstance(found, Scores)
    assert (found.model, found.horizons_d, found.assets) == (sent.model, sent.horizons_d, sent.assets)
    for name in ("asset", "end_ms", "revision", "risk", "adapted"):
        np.testing.assert_array_equal(getattr(found, name), getattr(sent, name))


@pytest.mark.parametrize("risk", [float("nan"), -0.1, 1.1])
def test_a_risk_that_is_no_probability_is_refused(risk: float) -> None:
    sent = scores_of(2)
    sent.risk[1, 0] = risk
    message = codec.scores("scores", sent)
    with pytest.raises(RecordError, match="expected probabilities"):
        codec.decode_scores(message.value, message.content_type)


@pytest.mark.parametrize("column", ["asset", "end_ms", "revision", "risk", "adapted"])
def test_scores_with_a_column_cut_short_are_refused(column: str) -> None:
    message = codec.scores("scores", scores_of(2))
    head = msgspec.msgpack.decode(message.value)
    head[column] = head[column][:-1]
    with pytest.raises(RecordError, match=rf"\b(asset|{column}): \d+ bytes, expected"):
        codec.decode_scores(msgspec.msgpack.encode(head), message.content_type)


STOP = PlannedStop(
    plan="p1",
    asset="a",
    from_ms=5,
    until_ms=9,
    planned_until_ms=9,
    who="ann",
    time_ms=2,
    text="oil",
    site="north",
)


@pytest.mark.parametrize(
    ("message", "record"),
    [
        (codec.alert("alerts", ALERT), ALERT),
        (codec.drift("drift", DRIFT), DRIFT),
        (codec.event("events", SHUTDOWN), SHUTDOWN),
    ],
)
def test_what_people_read_is_json_and_survives_the_wire(message: Outgoing, record: object) -> None:
    assert json.loads(message.value)["time_ms"] == NOON_MS
    assert codec.decode_json(message.value, type(record)) == record


def test_a_planned_stop_and_what_is_asked_of_it_survive_the_wire() -> None:
    command = codec.stop_command("t", plans(20_000, 20_001, text="oil; \u2028 'now'"))
    assert codec.decode_case_move(command.value, command.content_type) == plans(
        20_000, 20_001, text="oil; \u2028 'now'"
    )
    sent = codec.planned_stop("t", STOP)
    assert (sent.key, codec.decode_cases(sent.value, sent.content_type)) == (b"a/stop/p1", STOP)
    assert codec.decode_outcomes(sent.value, sent.content_type) == STOP


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"until_ms": 1}, "until_ms = 1: expected an end after the beginning"),
        ({"from_ms": 2**60}, "from_ms"),
        ({"text": "x" * 501}, "text"),
        ({"action": "delete"}, "action"),
        ({"who": ""}, "who"),
    ],
)
def test_a_planned_stop_that_makes_no_sense_is_refused_with_its_key(
    changes: dict[str, object], reason: str
) -> None:
    said = {**msgspec.to_builtins(plans(20_000, 20_001)), **changes}
    with pytest.raises(RecordError, match=reason):
        codec.decode_case_move(json.dumps(said).encode(), codec.STOP_COMMAND)


def test_a_field_of_a_newer_sender_does_no_harm() -> None:
    newer = json.loads(codec.drift("drift", DRIFT).value) | {"since_ms": 1}
    assert codec.decode_json(json.dumps(newer).encode(), Drift) == DRIFT


def test_a_dead_letter_says_where_its_message_stood_and_carries_its_bytes() -> None:
    letter = codec.letter(Incoming("telemetry", 3, 41, b"CH-0001", b"\xff{", "text/plain"), "not JSON")
    message = codec.dead_letter("dead-letters", letter)
    found = codec.decode_json(message.value, DeadLetter)
    assert found == letter
    assert (found.topic, found.partition, found.offset, found.key) == ("telemetry", 3, 41, "CH-0001")
    assert base64.b64decode(found.payload) == b"\xff{"


def test_a_dead_letter_fits_a_broker_whatever_was_sent() -> None:
    big = b"\xff" * 5_000_000
    letter = codec.letter(Incoming("telemetry", 0, 0, big, big, "x" * 5_000_000), "y" * 5_000_000)
    message = codec.dead_letter("dead-letters", letter)
    assert base64.b64decode(letter.payload) == big[: 64 * 1024]
    assert len(message.value) < 100_000
    assert len(message.key) < 1_000


def test_an_unknown_content_type_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(RecordError, match=r"content-type 'text/plain': expected one of application/json"):
        decoded(b"x", "text/plain", FLEET)


def mutilated(message: Outgoing) -> st.SearchStrategy[bytes]:
    """Take a good message with one stretch of bytes replaced: closer to good than random bytes ever are."""
    whole = message.value

    def cut(start: int, length: int, other: bytes) -> bytes:
        return whole[:start] + other + whole[start + length :]

    return st.builds(cut, st.integers(0, len(whole)), st.integers(0, 16), st.binary(max_size=16))


GOOD = [
    codec.sample("t", Sample(asset="CH-0001", time="2024-01-01T00:00:00Z", values={KEYS[0]: 1.0})),
    codec.event("t", SHUTDOWN),
    codec.watermark("t", Watermark(NOON_MS)),
    codec.windows("t", windows_of(3), slice(0, 3), FINGERPRINT),
    codec.scores("t", scores_of(3)),
    codec.alert("t", ALERT),
    codec.stop_command("t", plans(20_000, 20_001)),
    codec.planned_stop("t", STOP),
    codec.block(
        "t",
        Samples(
            ("CH-0001", "CH-0002"),
            np.array([0, 1], np.int32),
            np.array([NOON_MS, NOON_MS], np.int64),
            np.ones((2, len(KEYS)), np.float32),
        ),
        FLEET.schema,
    ),
]
DECODERS: dict[str, Callable[[bytes, str], object]] = {
    "telemetry": lambda value, kind: decoded(value, kind, FLEET),
    "features": lambda value, kind: codec.decode_features(value, kind, FINGERPRINT),
    "scores": codec.decode_scores,
    "alerts": lambda value, kind: codec.decode_json(value, Alert),
    "drift": lambda value, kind: codec.decode_json(value, Drift),
    "dead-letters": lambda value, kind: codec.decode_json(value, DeadLetter),
    "events": lambda value, kind: codec.decode_json(value, Event),
    "case-commands": codec.decode_case_move,
    "cases": codec.decode_cases,
    "outcomes": codec.decode_outcomes,
}


def refusal(decode: Callable[[bytes, str], object], value: bytes, content_type: str) -> str:
    """Return the reason for which a message is refused, empty where it is taken."""
    try:
        decode(value, content_type)
    except RecordError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("topic", DECODERS)
@given(st.binary(max_size=200) | st.one_of([mutilated(m) for m in GOOD]), st.sampled_from(TYPES))
def test_no_bytes_whatever_raise_anything_but_a_short_reason(
    topic: str, value: bytes, content_type: str
) -> None:
    assert len(refusal(DECODERS[topic], value, content_type)) < 2_500


def test_scores_name_the_member_that_gave_them_and_without_a_name_it_is_the_fleets() -> None:
    keys = np.zeros(2, np.int32), np.array([5, 6]), np.zeros(2, np.int32)
    sent = Scores("1", (1.0,), ("a", "b"), *keys, np.zeros((2, 1)), np.zeros(2), ("model:X", "fleet"))
    found = codec.decode_scores(codec.scores("t", sent).value, codec.SCORES)
    assert isinstance(found, Scores)
    assert [found.member(i) for i in (0, 1)] == ["model:X", "fleet"]
    plain = codec.decode_scores(codec.scores("t", replace(sent, scored_by=())).value, codec.SCORES)
    assert isinstance(plain, Scores)
    assert plain.member(0) == "fleet"


def test_scores_say_on_how_much_they_stand_and_earlier_ones_do_not() -> None:
    sent = replace(scores_of(2), evidence=np.array([0.25, 1.0]), risk=np.array([[np.nan] * 2, [0.1, 0.2]]))
    found = codec.decode_scores(codec.scores("t", sent).value, codec.SCORES)
    assert isinstance(found, Scores)
    assert found.evidence is not None
    assert found.evidence.tolist() == [0.25, 1.0]
    np.testing.assert_array_equal(found.risk, sent.risk)
    before = codec.decode_scores(codec.scores("t", scores_of(2)).value, codec.SCORES)
    assert isinstance(before, Scores)
    assert before.evidence is None


def readings_of(sent: Scores) -> Readings:
    numbers = np.array([[1.5, np.nan]], np.float32)
    return Readings(np.array([len(sent) - 1], np.int32), ("s0", "s1"), numbers, numbers + 1, numbers + 2)


def test_readings_survive_the_wire_and_earlier_scores_have_none() -> None:
    sent = replace(scores_of(2), readings=readings_of(scores_of(2)))
    found = codec.decode_scores(codec.scores("t", sent).value, codec.SCORES)
    assert isinstance(found, Scores)
    assert found.readings is not None
    assert sent.readings is not None
    assert found.readings.sensors == ("s0", "s1")
    for name in ("window", "value", "usual", "spread"):
        np.testing.assert_array_equal(getattr(found.readings, name), getattr(sent.readings, name))
    before = codec.decode_scores(codec.scores("t", scores_of(2)).value, codec.SCORES)
    assert isinstance(before, Scores)
    assert before.readings is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"window": np.array([2], np.int32)}, "outside the 2 that are scored"),
        ({"window": np.array([-1], np.int32)}, "outside the 2 that are scored"),
        ({"window": np.array([0, 1], np.int32)}, "value"),
        ({"usual": np.zeros((1, 1), np.float32)}, "usual"),
        ({"sensors": ("s0",)}, "value"),
    ],
)
def test_readings_that_do_not_fit_the_windows_are_refused(changed: dict[str, Any], reason: str) -> None:
    sent = replace(scores_of(2), readings=replace(readings_of(scores_of(2)), **changed))
    with pytest.raises(RecordError, match=reason):
        codec.decode_scores(codec.scores("t", sent).value, codec.SCORES)


@pytest.mark.parametrize("evidence", [[1.5], [np.nan], [0.5, 0.5]])
def test_evidence_that_is_no_share_of_each_window_is_refused(evidence: list[float]) -> None:
    sent = replace(scores_of(1), evidence=np.array(evidence))
    with pytest.raises(RecordError, match="evidence"):
        codec.decode_scores(codec.scores("t", sent).value, codec.SCORES)


def test_names_of_members_that_do_not_fit_the_machines_are_refused() -> None:
    keys = np.zeros(1, np.int32), np.array([5]), np.zeros(1, np.int32)
    sent = Scores("1", (1.0,), ("a", "b"), *keys, np.zeros((1, 1)), np.zeros(1), ("fleet",))
    with pytest.raises(RecordError, match="scored_by: 1 names for 2 assets"):
        codec.decode_scores(codec.scores("t", sent).value, codec.SCORES)


@pytest.mark.parametrize("time_ms", [0, -1, 2**62])
def test_a_time_beyond_reason_is_refused_in_every_message(time_ms: int) -> None:
    windows, scores = windows_of(1), scores_of(1)
    windows.end_ms[0] = scores.end_ms[0] = time_ms
    for topic, message in (
        ("features", codec.watermark("t", Watermark(time_ms))),
        ("scores", codec.watermark("t", Watermark(time_ms))),
        ("features", codec.windows("t", windows, slice(None), FINGERPRINT)),
        ("scores", codec.scores("t", scores)),
    ):
        assert "_ms" in refusal(DECODERS[topic], message.value, message.content_type)


def test_a_name_of_the_longest_length_is_taken_and_one_that_is_longer_is_not() -> None:
    longest = "x" * MAX_NAME
    event = codec.event("t", replace(SHUTDOWN, code=longest))
    assert codec.parsed_event(event.value) == replace(SHUTDOWN, code=longest)
    with pytest.raises(RecordError, match=f"expected 1 to {MAX_NAME} characters"):
        codec.parsed_event(codec.event("t", replace(SHUTDOWN, code=f"{longest}x")).value)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ({"command": "seek"}, "time is left out"),
        ({"command": "seek", "time": "soon"}, "'soon'"),
        ({"command": "speed"}, "speed is left out"),
        ({"command": "speed", "speed": -1}, "speed"),
        ({"command": "jump"}, "jump"),
    ],
)
def test_a_command_without_what_it_needs_is_refused(command: dict[str, object], reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        codec.parsed_control(json.dumps(command).encode())


def test_the_name_of_a_member_is_bounded() -> None:
    message = codec.scores("t", replace(scores_of(1), scored_by=("x" * 1000,) * 2))
    found = codec.decode_scores(message.value, message.content_type)
    assert isinstance(found, Scores)
    assert len(found.member(0)) < 100


def test_compaction_keeps_every_promotion_and_every_assignment() -> None:
    one = Promotion(fleet="toy", version="3", reason="r", promoted_ms=1, number=1)
    again = msgspec.structs.replace(one, promoted_ms=2, number=2)
    assert codec.promotion("t", one).key != codec.promotion("t", again).key
    first = Assignment(role="champion", version="3", sha256="", offset=1)
    keys = {codec.assignment("t", msgspec.structs.replace(first, offset=n)).key for n in (1, 2)}
    keys.add(codec.assignment("t", msgspec.structs.replace(first, role="challenger")).key)
    assert len(keys) == 3


def test_a_drift_signal_has_the_key_of_its_machine_or_else_of_its_sensor() -> None:
    assert codec.drift("t", msgspec.structs.replace(DRIFT, asset="CH-0001")).key == b"CH-0001"
    assert codec.drift("t", DRIFT).key == KEYS[0].encode()
