"""Pictures for mails are drawn from the store; without it a mail goes all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from chillcast.pipeline.mail_pictures import pictures_of
from chillcast.resources import Resources
from models.cases.case import Case
from models.event_time import DAY_MS
from models.risk.explanation import Reason
from streams.stores.case_reader import case_named
from tests.support.case_store import DAY, LedCases
from tests.support.page import reading_of

NAMES = ("bearing_temp", "cw_flow", "oil_sump_temp", "cond_pressure", "evap_pressure")


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    return Resources.open(home=str(tmp_path))


def case_of_five(resources: Resources) -> Case:
    """Return a case for which five sensors speak, with readings of all but the first."""
    store = resources.open_store()
    led = LedCases(store)
    led.begin()
    read = dict.fromkeys(NAMES[1:], 5.0)
    store.add(reading_of("CH-0001", day, bearing_temp=60.0 + 2 * day, **read) for day in range(-3, 1))
    store.flush()
    store.close()
    found = case_named(resources.open_reader(), "CH-0001")
    assert found is not None
    keys = ("motor_load", *NAMES)
    sensors = tuple(Reason(key, key, "degC", 1.0, 1.0, 1.0, "1", "1") for key in keys)
    assert found.evidence.time_ms == DAY * DAY_MS
    return replace(found, evidence=replace(found.evidence, sensors=sensors))


def test_the_first_three_sensors_that_were_read_are_drawn_and_said_in_words(resources: Resources) -> None:
    found = pictures_of(resources, case_of_five(resources))
    assert tuple(found) == NAMES[:3]
    assert all(picture.png.startswith(b"\x89PNG") for picture in found.values())
    assert "thrust bearing temperature: 54.0 °C on " in found["bearing_temp"].words


def test_a_store_that_does_not_answer_leaves_a_mail_without_pictures(
    resources: Resources, caplog: pytest.LogCaptureFixture
) -> None:
    case = case_of_five(resources)
    (resources.settings.home_path / "store.db").write_bytes(b"no database" * 1000)
    assert pictures_of(resources, case) == {}
    assert "goes without pictures" in caplog.text


def test_before_anything_was_written_there_are_none(resources: Resources, tmp_path: Path) -> None:
    case = case_of_five(resources)
    assert pictures_of(Resources.open(home=str(tmp_path / "empty")), case) == {}
