from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from chillcast.terminal.logs import configure
from models.errors import ConfigError


def said(code: str, form: str, level: str = "warning") -> list[str]:
    """Run ``code`` in a process that logs in ``form``; return what it wrote to standard error, by line."""
    return written(f"logs.configure({level!r}, {form!r})\n{code}")


def written(code: str) -> list[str]:
    imports = "import logging\nfrom chillcast.terminal import logs\nfrom streams.alarms import alarm"
    program = f"{imports}\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


CRASH = """
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("streams.worker.worker").exception("a step failed")
"""


def test_in_json_every_line_is_an_object_with_time_level_logger_and_message() -> None:
    lines = said("logging.getLogger('streams.worker.runner').warning('offsets %d again', 5)", "json")
    (entry,) = map(json.loads, lines)
    moment = datetime.fromisoformat(entry.pop("time"))
    assert moment.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)
    assert entry == {"level": "WARNING", "logger": "streams.worker.runner", "message": "offsets 5 again"}


def test_in_json_an_exception_stands_in_the_same_object() -> None:
    (entry,) = map(json.loads, said(CRASH, "json"))
    assert entry["message"] == "a step failed"
    assert entry["exception"].startswith("Traceback (most recent call last):\n")
    assert entry["exception"].endswith("ZeroDivisionError: division by zero")


def test_in_json_an_alarm_is_an_error_of_its_own_logger() -> None:
    (entry,) = map(json.loads, said("alarm('store 100% away')", "json"))
    assert (entry["level"], entry["logger"]) == ("ERROR", "chillcast.alarm")
    assert entry["message"] == "store 100% away"


def test_in_json_line_breaks_and_broken_characters_do_not_break_the_line() -> None:
    (entry,) = map(json.loads, said(r"logging.error('two\nlines and half a \ud800 character')", "json"))
    assert entry["message"] == "two\nlines and half a \\ud800 character"


def test_in_text_an_alarm_begins_with_its_word() -> None:
    assert said("alarm('store away')", "text") == ["ALARM store away"]


def test_in_text_a_line_says_time_level_and_logger() -> None:
    (line,) = said("logging.getLogger('chillcast').warning('scoring with version %s', 3)", "text")
    moment, _, rest = line.partition(" ")
    assert datetime.fromisoformat(moment).utcoffset() == timedelta(0)
    assert rest == "WARNING chillcast: scoring with version 3"


def test_in_text_what_a_record_quotes_cannot_pass_for_an_alarm() -> None:
    lines = said(r"logging.error('bad asset: x\nALARM false\rchillcast: false')", "text")
    assert lines[0].endswith("bad asset: x")
    assert lines[1:] == ["  ALARM false", "  chillcast: false"]


def test_in_text_a_traceback_follows_indented() -> None:
    first, second, *_, last = said(CRASH, "text")
    assert first.endswith("ERROR streams.worker.worker: a step failed")
    assert second == "  Traceback (most recent call last):"
    assert last == "  ZeroDivisionError: division by zero"


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_lies_below_the_level_is_not_said_but_an_alarm_is(form: str) -> None:
    lines = said("logging.warning('no')\nlogging.error('yes')\nalarm('wake up')", form, "error")
    assert len(lines) == 2
    assert "yes" in lines[0]
    assert "wake up" in lines[1]


def test_warnings_of_libraries_are_records_too() -> None:
    (entry,) = map(json.loads, said("import warnings\nwarnings.warn('old')", "json"))
    assert entry["logger"] == "py.warnings"


def test_configuring_again_says_nothing_twice() -> None:
    assert len(said("logs.configure('warning', 'json')\nlogging.error('once')", "json")) == 1


def test_a_terminal_is_told_alarms_and_warnings_but_not_each_try_of_a_client() -> None:
    says = "alarm('away'); logging.warning('old'); logging.getLogger('aiokafka.conn').error('no')"
    assert written(f"logs.show_alarms()\n{says}") == ["ALARM away", "old"]


def test_a_worker_logs_what_the_clients_say_too() -> None:
    says = "logs.show_alarms()\nlogs.configure('warning', 'text')\nlogging.getLogger('kafka.net').error('no')"
    (line,) = written(says)
    assert line.endswith("ERROR kafka.net: no")


def test_an_unknown_form_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="CHILLCAST_LOG_FORMAT = 'xml': expected one of text, json"):
        configure("warning", "xml")
