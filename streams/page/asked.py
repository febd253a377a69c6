"""What the address of a list asks for: its texts, which page of it, and the address of another view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException

_DIGITS = 20  # of a number that is looked at: Python refuses to read one of thousands


def texts_of(view: type[Any], query: Mapping[str, str], longest: int) -> dict[str, str]:
    """Return what a query says of each field of a view but ``page``, without blanks around it."""
    return {f.name: query.get(f.name, "").strip()[:longest] for f in fields(view) if f.name != "page"}


def page_of(query: Mapping[str, str], most: int = 999_999_999, expected: str = "a number from 1 on") -> int:
    """Return the page that a query asks for, in [1, ``most``]; HTTPException says what was ``expected``."""
    page = query.get("page") or "1"
    if not (page.isascii() and page.isdecimal() and 0 < int(page[:_DIGITS]) <= most):
        raise HTTPException(400, f"page = {page[:_DIGITS]!r}: expected {expected}")
    return int(page[:_DIGITS])


def link_to(place: str, asked: Any) -> str:
    """Return the address of a view: what is as usual is left out."""
    usual = type(asked)()
    found = {f.name: getattr(asked, f.name) for f in fields(asked)}
    query = urlencode({name: v for name, v in found.items() if v != getattr(usual, name)})
    return f"{place}?{query}" if query else place
