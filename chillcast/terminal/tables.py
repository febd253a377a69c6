"""Results as people read them: names and values in columns, tables if there are many of a kind."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

_INDENT = "  "
_STEER = ("Cc", "Cs", "Zl", "Zp")
_TURN = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def as_text(result: Mapping[str, Any]) -> str:
    """Return a result as lines: a value beside its name, a table or a block below it.

    >>> print(as_text({"lead_days_median": 2.61803, "missed": [], "promoted": True}))
    lead days median  2.618
    missed            none
    promoted          yes
    """
    return "\n".join(_lines(result, ""))


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows under their names; numbers stand to the right.

    >>> print(table([{"model": "rules", "recall": 0.46}, {"model": "age", "recall": None}]))
    model  recall
    rules    0.46
    age         –
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[in_words(row.get(name)) for name in names] for row in rows]
    heads = [_words(name) for name in names]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    right = [any(_is_number(row.get(name)) for row in rows) for name in names]
    return "\n".join(_row(line, widths, right) for line in [heads, *cells])


def in_words(value: object) -> str:
    """Return one value: four digits of a fraction, yes or no, a dash for what is not known."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e6 else f"{value:.0f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {in_words(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value)) or "none"
    return "".join(map(_shown, str(value)))


def _shown(sign: str) -> str:
    """Return a sign as it is, or in digits if it would steer the terminal, end the line or turn it about.

    >>> _shown("\x1b"), _shown("ä")
    ('\\\\x1b', 'ä')
    """
    return repr(sign)[1:-1] if unicodedata.category(sign) in _STEER or sign in _TURN else sign


def _lines(result: Mapping[str, Any], indent: str) -> list[str]:
    width = max((len(_words(name)) for name, value in result.items() if not _is_long(value)), default=0)
    out: list[str] = []
    for name, value in result.items():
        if isinstance(value, Mapping) and _is_long(value):
            out += [f"{indent}{_words(name)}", *_lines(value, indent + _INDENT)]
        elif _is_long(value):
            out += [f"{indent}{_words(name)}"]
            out += [f"{indent}{_INDENT}{line}" for line in table(value).splitlines()]
        else:
            out.append(f"{indent}{_words(name):<{width}}  {in_words(value)}".rstrip())
    return out


def _is_long(value: object) -> bool:
    """Return whether a value is a block or a table of its own."""
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    columns = zip(cells, widths, right, strict=True)
    return "  ".join(
        c.rjust(width) if is_right else c.ljust(width) for c, width, is_right in columns
    ).rstrip()


def _words(name: str) -> str:
    return str(name).replace("_", " ")
