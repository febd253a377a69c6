"""The heading of a text table: which line it is, and what is wrong if there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.fleet.recording import TextTable
from simulators.recordings.rejects import shortened
from simulators.recordings.sources import Source

PAD = "\x00"  # no column of a file is named so


@dataclass(frozen=True)
class Heading:
    """What a heading has to have: all that is ``needed``, and any of ``others``."""

    needed: tuple[str, ...]
    others: Callable[[str], bool]

    def fits(self, names: Sequence[str]) -> bool:
        """Return whether names are those of the heading."""
        return all(name in names for name in self.needed) and any(map(self.others, names))

    def known(self, names: Sequence[str]) -> int:
        """Return how many of the names are meant."""
        return sum(name in self.needed or self.others(name) for name in names)


def no_heading(source: Source, rows: Sequence[Sequence[str]], wanted: Heading, form: TextTable) -> str:
    """Say what is wrong with a table that has no such heading, and which key would help."""
    best = max(rows, key=wanted.known, default=[])
    if wanted.known(best):
        there = ", ".join(name for name in best if name)
        absent = next((name for name in wanted.needed if name not in best), None)
        what = "none of the columns of sensors" if absent is None else f"no column {absent!r}"
        return f"{source.shown}: {what}: there are {there[:500]}"
    first = delimiter_of(form).join(next((row for row in rows if any(row)), []))
    count = {sign: first.count(sign) for sign in (",", ";", "\t", "|")}
    sign = max(count, key=lambda sign: count[sign])
    hint = f"; delimiter = {sign!r} would part it" if count[sign] and sign != form.delimiter else ""
    said = f"the first line is {shortened(first)}{hint}"
    return f"{source.shown}: no heading with the columns of the fleet file: {said}; headings gives names"


def delimiter_of(form: TextTable) -> str:
    """Return the character between fields."""
    return " " if form.delimiter == "spaces" else form.delimiter
