"""Rows of a text in batches, read by Arrow, whose thread that reads ahead ends before the process does."""

from __future__ import annotations

import io
import time
import weakref

import pyarrow as pa
import pyarrow.csv

from models.errors import RecordingError
from models.fleet.recording import TextTable
from simulators.recordings.heading import delimiter_of
from simulators.recordings.odd_rows import OddRows

_BLOCK = 4 << 20
_LOOK_S, _LOOKS = 0.002, 10_000


class ArrowRows:
    """Batches of rows, each cell a text.

    Arrow reads ahead in a thread of its own, which needs the interpreter. If it still reads when the process
    ends, the process hangs or crashes. ``close`` lets it read no more, and waits until it has let go.
    """

    def __init__(self, text: io.RawIOBase, names: list[str], form: TextTable, odd: OddRows) -> None:
        self._odd, self._tap = odd, _Tap(text)
        self._gone = weakref.ref(self._tap)
        self._reading: pyarrow.csv.CSVStreamingReader | None = None
        problem = self._open(names, form)
        if problem and "Empty CSV" not in problem:
            self._give_up(problem)

    def next(self) -> pa.RecordBatch | None:
        """Return the next batch, None at the end; RecordingError if the text is no table from there on."""
        batch, problem = self._read()
        if problem:
            self._give_up(problem)
        return batch

    def close(self) -> None:
        """Wait until Arrow reads no more."""
        self._tap.shut()
        self._reading, self._tap = None, _Tap(io.BytesIO())  # type: ignore[arg-type]
        for _ in range(_LOOKS):
            if self._gone() is None:
                return
            time.sleep(_LOOK_S)

    def _open(self, names: list[str], form: TextTable) -> str:
        """Return why the text cannot be opened, in words: an error would hold what Arrow reads from."""
        try:
            self._reading = pyarrow.csv.open_csv(
                pa.PythonFile(self._tap, mode="r"),
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=False, block_size=_BLOCK, column_names=names
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=delimiter_of(form), newlines_in_values=True, invalid_row_handler=self._odd.take
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
                ),
            )
        except (pa.ArrowInvalid, RecordingError) as error:
            return self._in_words(error)
        return ""

    def _read(self) -> tuple[pa.RecordBatch | None, str]:
        """Return the next batch, or why there is none."""
        try:
            return (self._reading.read_next_batch() if self._reading else None), ""
        except StopIteration:
            return None, ""
        except (pa.ArrowInvalid, RecordingError) as error:
            return None, self._in_words(error)

    def _in_words(self, error: Exception) -> str:
        if isinstance(error, RecordingError):
            return str(error)
        said = str(error).splitlines()[0]
        hint = "; is a quotation mark not closed?" if "straddl" in said else ""
        return f"{self._odd.source.shown}: not a whole table: {said}{hint}"

    def _give_up(self, problem: str) -> None:
        """Raise RecordingError; of rows that are odd, what is wrong with the first."""
        self.close()
        self._odd.complain()
        raise RecordingError(problem)


class _Tap(io.RawIOBase):
    """What Arrow reads from: a text, of which nothing more comes once the tap is shut."""

    def __init__(self, text: io.RawIOBase) -> None:
        self._text, self._is_shut = text, False

    def shut(self) -> None:
        """Let nothing more through."""
        self._is_shut = True

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]
        """Fill a buffer."""
        return 0 if self._is_shut else self._text.readinto(buffer)
