"""The addresses of channels, as a setting has them: a JSON object by name."""

from __future__ import annotations

import json
import re

_NAME = re.compile(r"[\w .-]{1,64}")
_ADDRESS = re.compile(r"[\w+]+://[^\s\"',}]+")


def named_addresses(text: str) -> dict[str, str]:
    """Return addresses by name; none of an empty text. ValueError if it is no JSON object of such.

    >>> named_addresses('{"ops": "slack://a/b/c"}')
    {'ops': 'slack://a/b/c'}
    """
    found = json.loads(text) if text else {}
    if not isinstance(found, dict) or not all(_is_channel(*one) for one in found.items()):
        raise ValueError("no JSON object of names and addresses")
    return found


def written_addresses(text: str) -> list[str]:
    """Return the addresses of a text, also if it is not written well: whatever is said must not hold them.

    >>> written_addresses('{"ops": "slack://a/b/c"')
    ['slack://a/b/c']
    """
    try:
        return list(named_addresses(text).values())
    except ValueError:
        return _ADDRESS.findall(text)


def _is_channel(name: str, address: object) -> bool:
    return bool(_NAME.fullmatch(name)) and isinstance(address, str) and "://" in address
