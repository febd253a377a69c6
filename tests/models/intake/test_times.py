from __future__ import annotations

from typing import Literal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fleet.recording import UNIX, Written
from models.intake.times import USUAL_FORMATS, guess_format, native_times, parse_times, why_not

MS = 1_709_251_200_000  # 2024-03-01 00:00 UTC


def ms(text: str, form: str = "iso", decimal: Literal[".", ","] = ".") -> int | None:
    found = parse_times(pa.array([text, "?"]), Written(time_format=form, decimal=decimal))
    assert found.bad[1]
    return None if found.bad[0] else int(found.time_ms[0])


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2024-03-01 00:00:00.000999", "iso"),
        ("2024-03-01T01:00:00.000999999+01:00", "iso"),
        ("2024-02-29 24:00:00", "iso"),
        ("2024-02-29T24:00", "iso"),
        ("1709251200", "unix_s"),
        ("1709251200.0005", "unix_s"),
        ("1709251200000", "unix_ms"),
        ("1709251200000999", "unix_us"),
        ("1709251200000999999", "unix_ns"),
        ("45352.000000", "excel"),
        ("45351.9999999999", "excel"),
        ("202403010000", "%Y%m%d%H%M"),
        ("01.03.2024 00:00", "%d.%m.%Y %H:%M"),
        ("29.02.2024 24:00", "%d.%m.%Y %H:%M"),
        ("3/1/2024 12:00:00 AM", "%m/%d/%Y %I:%M:%S %p"),
        ("3/1/2024 12:00:00 a.m.", "%m/%d/%Y %I:%M:%S %p"),
        ("01-Mar-24 00:00:00.000000999", "%d-%b-%y %H:%M:%S.%f"),
        ("2024-03-01 02:00 +0200", "%Y-%m-%d %H:%M %z"),
    ],
)
def test_a_time_is_read_by_its_format_and_cut_to_the_millisecond(text: str, form: str) -> None:
    assert ms(text, form) == MS


def test_an_excel_serial_with_six_digits_is_meant_to_the_second() -> None:
    assert ms("45352.006944", "excel") == MS + 600_000
    assert ms("45352,006944", "excel", ",") == MS + 600_000


@pytest.mark.parametrize("text", ["", "warm", "2024-13-01", "25:00", "1e400", "nan", "inf", "9" * 400])
@pytest.mark.parametrize("form", ["iso", "excel", *UNIX, "%d.%m.%Y"])
def test_what_is_no_time_is_bad_and_nothing_is_raised(text: str, form: str) -> None:
    assert ms(text, form) is None or form in UNIX


def test_nothing_is_no_time() -> None:
    assert parse_times(pa.array(["2024-03-01", None]), Written()).bad.tolist() == [False, True]


@given(st.lists(st.text(max_size=25), max_size=5), st.sampled_from(["iso", "excel", *UNIX, *USUAL_FORMATS]))
def test_no_text_makes_the_reader_fail(texts: list[str], form: str) -> None:
    found = parse_times(pa.array(texts, pa.string()), Written(time_format=form))
    assert len(found.time_ms) == len(found.bad) == len(found.zoned) == len(texts)


@given(st.datetimes(), st.booleans())
def test_the_quick_way_and_the_patient_one_agree(moment: object, beside_a_zone: bool) -> None:
    texts = [str(moment), "2024-03-01T00:00:00Z"] if beside_a_zone else [str(moment)]
    slow = parse_times(pa.array([str(moment), "?"]), Written())
    assert parse_times(pa.array(texts), Written()).time_ms[0] == slow.time_ms[0]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_parquet_are_read_in_any_unit(unit: str) -> None:
    found = native_times(pa.array([MS, None], pa.timestamp("ms")).cast(pa.timestamp(unit)))
    assert found is not None
    assert (found.time_ms.tolist(), found.bad.tolist()) == ([MS, 0], [False, True])
    assert not found.zoned.any()


def test_a_typed_time_of_day_is_refused_and_a_typed_text_is_left_to_the_format() -> None:
    with pytest.raises(ValueError, match="without a date"):
        native_times(pa.array([0], pa.time32("s")))
    assert native_times(pa.array(["2024"])) is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("01.03.2024 00:10", r"time_format = '%d.%m.%Y %H:%M' would read 2024-03-01 00:10:00"),
        ("1709251200000000", r"time_format = 'unix_us' would read 2024-03-01"),
        ("12:15:00", "name its two columns, time and date"),
        ("soon", "time_format says how it is written"),
    ],
)
def test_the_key_that_would_help_is_named(text: str, hint: str) -> None:
    assert hint in why_not(text, Written())


def test_a_time_with_blanks_around_it_is_read_for_the_hint() -> None:
    said = why_not(" 2024-03-01 00:00", Written(time_format="unix_s"))
    assert "time_format = 'iso' would read 2024-03-01 00:00:00" in said


def test_of_formats_the_one_that_reads_all_is_guessed() -> None:
    assert guess_format(["01/02/2024 00:00", "13/02/2024 00:00"]) == "%d/%m/%Y %H:%M"
    assert guess_format(["45352.25", "45352.5"]) == "excel"
    assert guess_format([]) is None
