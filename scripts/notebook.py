"""Runs a page of Python cells (``# %%``) and writes it, with what it printed, as a Jupyter notebook.

``python scripts/notebook.py docs/own_model.py`` writes ``docs/own_model.ipynb`` (`make notebook`). A cell
shows what it prints; the page runs in a folder of its own.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any


def executed(text: str) -> dict[str, Any]:
    """Return the notebook (nbformat 4.5) of a page, executed from its first cell to its last."""
    cells, names, count = [], dict[str, Any](), 0
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for number, (kind, source) in enumerate(cells_of(text)):
            cell: dict[str, Any] = {"id": f"cell-{number}", "metadata": {}, "source": source}
            if kind == "code":
                count += 1
                cell |= {"execution_count": count, "outputs": _run(source, names)}
            cells.append({"cell_type": kind, **cell})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def cells_of(text: str) -> list[tuple[str, str]]:
    """Return kind, ``code`` or ``markdown``, and source of each cell.

    >>> cells_of("# %% [markdown]\\n# Hello\\n# %%\\nprint(1)\\n")
    [('markdown', 'Hello'), ('code', 'print(1)')]
    """
    found = []
    for mark, source in re.findall(r"^# %%(.*)\n((?:(?!# %%).*\n?)*)", text, re.MULTILINE):
        kind = "markdown" if "[markdown]" in mark else "code"
        lines = source.strip("\n").splitlines()
        shown = [line.removeprefix("#").removeprefix(" ") for line in lines] if kind == "markdown" else lines
        found.append((kind, "\n".join(shown)))
    return found


def _run(source: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "cell", "exec"), names)  # noqa: S102  (a page of our own)
    text = printed.getvalue()
    return [{"output_type": "stream", "name": "stdout", "text": text}] if text else []


def main(page: Path) -> None:
    """Write the notebook beside its page."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    text = json.dumps(executed(page.read_text(encoding="utf-8")), indent=1, ensure_ascii=False)
    page.with_suffix(".ipynb").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
