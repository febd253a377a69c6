"""A table for spreadsheets (CSV), in which nothing is computed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a heading and a line per row; before what a spreadsheet would compute stands an apostrophe.

    >>> as_table(["who", "detail"], [["ann", "=1+1"]])
    "who,detail\\r\\nann,'=1+1\\r\\n"
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([f"'{text}" if text.startswith(_FORMULA) else text for text in row])
    return out.getvalue()
