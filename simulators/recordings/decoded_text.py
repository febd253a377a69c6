"""A text file in any encoding, read in parts as UTF-8 from after its heading on."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from models.errors import RecordingError
from models.fleet.recording import TextTable
from simulators.recordings.heading import PAD, Heading, delimiter_of, no_heading
from simulators.recordings.sources import Source

_LOOKED_AT = 1 << 18  # characters in which the heading has to stand
_HEAD_LINES = 200
_LOOKED_AT_ROWS = 20
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_BLANKS = re.compile(r"[ \t]+")


class DecodedText(io.RawIOBase):
    """A file as UTF-8, from after its heading on."""

    def __init__(self, source: Source, file: BinaryIO, form: TextTable) -> None:
        self._source, self._form = source, form
        start = file.read(4)
        self.encoding = next((name for bom, name in _BOMS if start.startswith(bom)), form.encoding)
        self._file, self._rest = file, start
        self._decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        self._text, self._partial, self._at_end, self._read, self._out = "", "", False, 0, b""

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def peek(self) -> str:
        """Return the beginning of the text, without taking it."""
        while len(self._text) < _LOOKED_AT and not self._at_end:
            self._more()
        return self._text[:_LOOKED_AT]

    def heading(self, wanted: Heading) -> list[str] | None:
        """Take the heading and what stands before it; return its names, None if the file is empty."""
        beginning, form = self.peek(), self._form
        if not beginning.strip():
            return None
        if form.headings:
            names = list(form.headings)
            self._take_lines(form.units_rows)
            return names
        lines = beginning.splitlines(keepends=True)[:_HEAD_LINES]
        rows = list(self._rows_of(lines))
        for i, (number, cells) in enumerate(rows):
            if wanted.fits(cells):
                self._take_lines(number + form.units_rows)
                longest = max(len(row) for _, row in rows[i : i + _LOOKED_AT_ROWS])
                return cells + [PAD] * (longest - len(cells))
        raise RecordingError(no_heading(self._source, [cells for _, cells in rows], wanted, self._form))

    def _rows_of(self, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of lines up to a row, and its trimmed cells; a leading # is left out."""
        plain = (re.sub(r"^\s*#+[ \t]*", "", line) for line in lines)
        reader = csv.reader(plain, delimiter=delimiter_of(self._form))
        try:
            for cells in reader:
                yield reader.line_num, [cell.strip() for cell in cells]
        except csv.Error:
            return

    def _take_lines(self, count: int) -> None:
        at = 0
        for _ in range(count):
            end = re.compile(r"\r\n|\n|\r").search(self._text, at)
            at = end.end() if end else len(self._text)
        self._text = self._text[at:]

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer with UTF-8."""
        while not self._out:
            if not self._text and self._at_end:
                return 0
            if not self._text:
                self._more()
            text, self._text = self._text, ""
            self._out = text.encode("utf-8", "replace")
        size = min(len(buffer), len(self._out))
        buffer[:size], self._out = self._out[:size], self._out[size:]
        return size

    def _more(self) -> None:
        data = self._rest or self._file.read(1 << 20)
        self._rest = b""
        try:
            text = self._partial + self._decoder.decode(data, final=not data)
        except UnicodeError as error:
            byte = str(error)
            if isinstance(error, UnicodeDecodeError):
                byte = f"byte 0x{error.object[error.start]:02x} after {self._read + error.start} bytes"
            raise RecordingError(
                f"{self._source.shown}: not {self.encoding}: {byte}; "
                "encoding = 'cp1252' reads most files of Windows"
            ) from error
        self._read, self._at_end, self._partial = self._read + len(data), not data, ""
        if self._form.delimiter == "spaces":
            whole = len(text) if not data else text.rfind("\n") + 1
            text, self._partial = re.sub(r"(?m)^ | $", "", _BLANKS.sub(" ", text[:whole])), text[whole:]
        self._text += text
