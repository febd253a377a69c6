"""Commands as a user types them, in processes of their own or in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from chillcast.cli.app import app
from models.errors import ChillcastError

ROOT = Path(__file__).parents[2]


def chillcast(*words: str, home: Path | None, timeout: int = 180) -> subprocess.CompletedProcess[str]:
    """Run a command; ``home`` is None for one that has none."""
    command = [sys.executable, "-m", "chillcast", *words, *(["--home", str(home)] if home else [])]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT)


def left_behind(home: Path) -> list[str]:
    """Return the command lines of processes that work under ``home`` or were started for it."""
    return [" ".join(words) for words in processes_for(home).values()]


def processes_for(home: Path) -> dict[int, list[str]]:
    """Return the words of each process but this one that works under ``home`` or was started for it."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(folder.name) != os.getpid() and str(home).encode() in environment + line:
            found[int(folder.name)] = line.decode(errors="replace").split("\0")
    return found


def printed(*words: str) -> str:
    """Return what a command prints that ends well, run in this process."""
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: str) -> str:
    """Return why a command is refused that is run in this process."""
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, ChillcastError), error
    return str(error)
