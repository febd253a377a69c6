"""JSON as programs write it: NaN and Infinity, of which the standard knows nothing, are numbers."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from models.errors import RecordError
from streams.wire.validation import clip


def parse_loosely(data: bytes) -> Any:
    """Return what JSON says; raises RecordError if it is none.

    >>> parse_loosely(b'{"temp": NaN}')
    {'temp': nan}
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        first = error
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RecordError(f"not JSON: {clip(str(first), 500)}") from error
