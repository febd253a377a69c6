"""What the doctor finds: one line per check, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from models.errors import ChillcastError

Status = Literal["ok", "warn", "FAIL", "skipped"]


class Finding(msgspec.Struct, frozen=True):
    """What one check found; ``remedy`` is empty if there is nothing to do."""

    status: Status
    what: str
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return the finding as one line.

        >>> print(Finding("warn", "topics", "missing: drift", "chillcast up creates them"))
        warn     topics        missing: drift  -> chillcast up creates them
        """
        remedy = f"  -> {self.remedy}" if self.remedy else ""
        return f"{self.status:<7}  {self.what:<12}  {' '.join(self.detail.split())}{remedy}"


def guarded(what: str, remedy: str, check: Callable[[], Finding]) -> Finding:
    """Return what a check finds; an error that chillcast raises on purpose is a failure with its text."""
    try:
        return check()
    except ChillcastError as error:
        return Finding("FAIL", what, str(error), remedy)


def skipped(names: Sequence[str], why: str) -> list[Finding]:
    """Return a finding for each check that could not be made."""
    return [Finding("skipped", name, why) for name in names]
