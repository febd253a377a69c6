"""What a process logs: lines for people, or one JSON object per line for machines."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import msgspec

from models.errors import ConfigError
from streams.alarms import ALARM_LOGGER

_CLIENTS = ("aiokafka", "kafka")


def show_alarms() -> None:
    """Send warnings and alarms to standard error as a terminal shows them; `configure` replaces this.

    Kafka's clients are silent: while a broker is away they say a dozen lines a second, an alarm says one.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in _CLIENTS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def configure(level: str, form: str) -> None:
    """Send what is logged from ``level`` on to standard error, in ``form`` "text" or "json".

    What was configured before is replaced, so that no line appears twice. Alarms pass at every level.
    """
    if form not in _FORMS:
        raise ConfigError("environment", "CHILLCAST_LOG_FORMAT", form, f"one of {', '.join(_FORMS)}")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_FORMS[form]())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in _CLIENTS:
        logging.getLogger(name).setLevel(logging.NOTSET)


class PlainFormatter(logging.Formatter):
    """The message alone; an alarm is ``ALARM …``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as text."""
        text = super().format(record)
        return f"ALARM {text}" if record.name == ALARM_LOGGER else text


class TextFormatter(logging.Formatter):
    """``2024-05-01T12:00:00.000Z WARNING streams.worker.runner: …``; an alarm is ``ALARM …``.

    Further lines of a record are indented, so that nothing which is quoted in one can pass for an alarm.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as text."""
        lines = [record.getMessage(), *filter(None, [_exception(self, record)])]
        text = "\n".join(lines).replace("\n", "\n  ").replace("\r", "\n  ")
        if record.name == ALARM_LOGGER:
            return f"ALARM {text}"
        return f"{_moment(record)} {record.levelname} {record.name}: {text}"


class JsonFormatter(logging.Formatter):
    """One object: ``time`` (UTC, ISO 8601), ``level``, ``logger``, ``message``, and ``exception``, if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON in one line."""
        entry = {
            "time": _moment(record),
            "level": record.levelname,
            "logger": record.name,
            "message": _encodable(record.getMessage()),
        }
        exception = _exception(self, record)
        if exception:
            entry["exception"] = _encodable(exception)
        return msgspec.json.encode(entry).decode()


_FORMS: dict[str, type[logging.Formatter]] = {"text": TextFormatter, "json": JsonFormatter}


def _moment(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """Return the traceback that a record carries, and the stack, if it was asked for."""
    lines = [formatter.formatException(record.exc_info)] if record.exc_info else []
    return "\n".join([*lines, *([record.stack_info] if record.stack_info else [])])


def _encodable(text: str) -> str:
    """Return text that UTF-8 can hold: names from elsewhere may carry half a character."""
    return text.encode("utf-8", "backslashreplace").decode()
