"""Becomes another program, which the kernel kills when the process that started it ends.

Run as a script, between parent and program: asking for this needs a system call in the new process, and code
that runs there before exec (`preexec_fn`) can deadlock if the parent has threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def tether() -> None:
    """Have the kernel kill this process when the thread that started it ends; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def become(parent: int, argv: Sequence[str]) -> None:
    """Replace this process by ``argv``; exit with 1 if ``parent`` is gone already."""
    tether()
    if os.getppid() != parent:  # it ended before the kernel knew: nobody would stop us
        raise SystemExit(1)
    os.execvp(argv[0], list(argv))  # noqa: S606  (a shell is what must not come between)


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
