"""Why messages cannot be used, in a few words that count together: for metrics, alarms and reports."""

from __future__ import annotations

import re
from collections.abc import Mapping

OTHER = "other"
_WORDS: Mapping[str, str] = {
    "damaged": "cannot be decoded",
    "store": "^store refused",
    "late": "came later than lateness_s",
    "partition": "belongs to [0-9#]+|says nothing of partitions",
    "machine": "not admitted|expected a name like|expected it to match name_pattern|expected distinct names",
    "schema": "^fingerprint |features a window|^schema ",
    "kind": "^content-type ",
    "time": r"max_future_s|year 2000|\btime(_ms)? .*expected|between 1970 and 2200|expected a time",
    "point": "not sensors? of fleet|not a point of fleet",
    "value": "expected a number|infinite|is finite|no finite value|no value of a known sensor",
    "form": "^not |^empty message|bytes: expected|expected",
}
REASONS = (*_WORDS, OTHER)
"""The words there are: a few, so that each can be a label of a metric."""


def word_of(reason: str) -> str:
    """Return the word of `REASONS` for the reason of a dead letter; of several, the first there.

    >>> word_of("asset 'CH-0001' on partition 3: key 'CH-0001' belongs to 1")
    'partition'
    """
    return next((word for word, pattern in _WORDS.items() if re.search(pattern, reason)), OTHER)


def kind_of(reason: str) -> str:
    """Return a reason without its names and numbers, so that letters of one kind count together.

    >>> kind_of("not sensors of fleet chiller: 'oil', 'gas' and 3 more")
    "not sensors of fleet chiller: '…' and # more"
    """
    unnamed = re.sub(r"'[^']*'(, '[^']*')*", "'…'", reason)
    return re.sub(r"\d+", "#", unnamed)
