"""Secrets that a process knows, and credentials in addresses: what it says must not hold them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote

MASK = "**********"
_SHORTEST = 4  # a shorter one would take pieces out of common words
_NAMES = r"(?:token|password|passwd|pwd|secret|api[_-]?key)"
_USER = r"""[^\s/?\#"'\\]"""
_CREDENTIALS = re.compile(
    rf"""(?P<before>
        ://                                                # user:pass@host, or cut off before its end
      | \bauthorization\\*["']?\s*[:=]\s*\\*["']?(?:\w+[ ])?
      | {_NAMES}\s*=\s*\\*["']?                            # token=…, password = '…'
      | {_NAMES}\\*["']\s*:\s*\\*["']                      # "token": "…"
    )
    (?: (?<=://) (?: {_USER}*(?=@) | {_USER}+?:(?!\d){_USER}*?(?=\.\.\.) )
      | (?<!://) [^\s&"',;)\\]+
    )""",
    re.IGNORECASE | re.VERBOSE,
)


class Redactor:
    """Puts `MASK` in the place of every secret that it was told of, however written, and of credentials."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._known: re.Pattern[str] | None = None

    def keep(self, secrets: Iterable[str]) -> None:
        """Show these no more, nor a line of one, nor how JSON, Python, an address or base64 write it."""
        found = {form for secret in secrets for form in _forms(secret)} - self._forms
        if found:
            self._forms |= found
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._known = re.compile("|".join(map(_pattern, longest_first)))

    def forget(self) -> None:
        """Know no secret any more, as at the start of a process."""
        self._forms, self._known = set(), None

    def __call__(self, text: str) -> str:
        r"""Return a text without secrets.

        >>> Redactor()("no answer from http://me:pa:ss@influx:8086/?token=abc&org=us")
        'no answer from http://**********@influx:8086/?token=**********&org=us'
        >>> Redactor()('{"api_key": "abc", "authorization": "Bearer abc.def", "by": "me@work"}')
        '{"api_key": "**********", "authorization": "Bearer **********", "by": "me@work"}'
        """
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _CREDENTIALS.sub(rf"\g<before>{MASK}", text)


redact = Redactor()


def credentials_of(address: str, *, bare: bool = False) -> list[str]:
    """Return what an address holds before its host: the whole, and the password alone.

    ``bare``: it may lack its scheme, as one that was not typed well.

    >>> credentials_of("http://me:secret@influx:8086")
    ['me:secret', 'secret']
    """
    _, mark, rest = address.rpartition("://")
    given, at, _ = rest.rpartition("@")
    if not at or rest.startswith("/") or not (mark or (bare and ":" in given)):
        return []
    return [given, given.partition(":")[2]]


def tokens_of(address: str) -> list[str]:
    """Return what of the address of a channel lets whoever knows it send there: many hold a token for a name.

    >>> tokens_of("slack://T1JJ3T3L2/aBc012xyZ/#general")
    ['slack://T1JJ3T3L2/aBc012xyZ/#general', 'T1JJ3T3L2', 'aBc012xyZ']
    """
    _, _, rest = address.partition("://")
    given = [*credentials_of(address, bare=True)]
    parts = [unquote(part) for part in re.split(r"[/?&#=@:,]", rest)]
    return [address, *given, *(part for part in parts if _is_token(part))]


def _is_token(part: str) -> bool:
    """Return whether a part is no word and no name of a host."""
    return (
        len(part) >= 8 and "." not in part and bool(re.search(r"\d", part) and re.search(r"[A-Za-z]", part))
    )


def _forms(secret: str) -> set[str]:
    parts = {secret.strip(), *(line.strip() for line in secret.splitlines())}
    parts = {part for part in parts if len(part) >= _SHORTEST}
    written = {form for part in parts for form in (json.dumps(part)[1:-1], repr(part)[1:-1])}
    sent = {form for part in parts for form in (quote(part), quote(part, safe=""), quote_plus(part))}
    encoded = {base64.b64encode(part.encode()).decode().rstrip("=") for part in parts}
    return parts | written | sent | encoded


def _pattern(form: str) -> str:
    """Return a pattern of one form; digits only as a whole number, or they would be found in any other."""
    return rf"(?<!\w){form}(?!\w)" if form.isdigit() else re.escape(form)
