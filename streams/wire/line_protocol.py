"""Influx line protocol, as Telegraf and clients of InfluxDB write it, strictly by its reference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from models.errors import RecordError
from streams.wire.validation import clip

Record = dict[str, Any]

# Each alternative begins with another character, so that nothing is tried twice.
_MEASUREMENT = re.compile(r"(?:\\[, ]|\\(?![, ])|[^, \n\\])+")
_KEY = re.compile(r"(?:\\[,= ]|\\(?![,= ])|[^,= \n\\])+")
_TEXT = re.compile(r'"((?:\\["\\]|\\(?!["\\])|[^"\\])*)"')
_WORD = re.compile(r'[^,\s"]+')
_TIME = re.compile(r" +(-?\d{1,20})")
_END = re.compile(r" *\r?(?:\n|$)")
_SPACES = re.compile(r" +")
_WHOLE = re.compile(r"(-?\d{1,20})[iu]")
_BOOLS = dict.fromkeys(("t", "T", "true", "True", "TRUE"), True) | dict.fromkeys(
    ("f", "F", "false", "False", "FALSE"), False
)
_ESCAPED, _ESCAPED_TEXT = re.compile(r"\\([,= ])"), re.compile(r'\\(["\\])')


@dataclass(frozen=True, slots=True)
class Line:
    """A line, the first is 1: its ``record`` of name, tags, fields and timestamp, or its ``problem``."""

    number: int
    record: Record | None = None
    problem: str = ""


def parse_lines(text: str) -> Iterator[Line]:
    """Yield what each line holds, apart from empty ones and comments; a wrong one costs itself alone.

    >>> [line.record for line in parse_lines('modbus,host=P1 temp=20.5,n=3i 1709251200000000000')]
    [{'name': 'modbus', 'tags': {'host': 'P1'}, 'fields': {'temp': 20.5, 'n': 3}, \
'timestamp': 1709251200000000000}]
    """
    at, number = 0, 1
    while at < len(text):
        end = _after_line(text, at)
        if text[at:end].strip() and text[at] != "#":
            scan = _Scan(text, at)
            try:
                record = _record(scan)
            except RecordError as error:
                yield Line(number, None, str(error))
            else:
                yield Line(number, record)
                end = scan.at  # a text may hold ends of lines
        number, at = number + text.count("\n", at, end), end


@dataclass
class _Scan:
    """A place in the text."""

    text: str
    at: int

    def take(self, pattern: re.Pattern[str], expected: str) -> re.Match[str]:
        """Return what stands here, and go on behind it; raises RecordError if it is something else."""
        found = pattern.match(self.text, self.at)
        if not found:
            here = self.text[self.at : self.at + 20].partition("\n")[0]
            raise RecordError(f"{clip(here)!r}: expected {expected}")
        self.at = found.end()
        return found

    def passes(self, sign: str) -> bool:
        """Go on behind a sign if it stands here."""
        here = self.text.startswith(sign, self.at)
        self.at += len(sign) * here
        return here


def _record(scan: _Scan) -> Record:
    name = _ESCAPED.sub(r"\1", scan.take(_MEASUREMENT, "a measurement")[0])
    tags, fields = dict[str, str](), dict[str, Any]()
    while scan.passes(","):
        key = _key(scan, "a tag")
        tags[key] = _ESCAPED.sub(r"\1", scan.take(_KEY, f"a value of tag {clip(key)}")[0])
    scan.take(_SPACES, "a space, and fields")
    while True:
        key = _key(scan, "a field")
        fields[key] = _value(scan, key)
        if not scan.passes(","):
            break
    found = _TIME.match(scan.text, scan.at)
    scan.at = found.end() if found else scan.at
    scan.take(_END, "a time, or the end of the line")
    record: Record = {"name": name, "tags": tags, "fields": fields}
    return {**record, "timestamp": int(found[1])} if found else record


def _key(scan: _Scan, what: str) -> str:
    key = _ESCAPED.sub(r"\1", scan.take(_KEY, what)[0])
    scan.take(re.compile("="), f"= after {what} {clip(key)}")
    return key


def _value(scan: _Scan, key: str) -> Any:
    """Return a text, a number or a truth; a word that is neither stays a text."""
    if scan.text.startswith('"', scan.at):
        return _ESCAPED_TEXT.sub(
            r"\1", scan.take(_TEXT, f'a text of field {clip(key)}, with its second "')[1]
        )
    word = scan.take(_WORD, f"a value of field {clip(key)}")[0]
    whole = _WHOLE.fullmatch(word)
    if whole:
        return int(whole[1])
    try:
        return _BOOLS[word] if word in _BOOLS else float(word)
    except ValueError:
        return word


def _after_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1
