from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_notebook_is_what_its_page_prints_now(tmp_path: Path) -> None:
    page = tmp_path / "own_model.py"
    page.write_bytes((ROOT / "docs" / "own_model.py").read_bytes())
    command = [sys.executable, str(ROOT / "scripts" / "notebook.py"), str(page)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert run.returncode == 0, run.stderr
    made = json.loads(page.with_suffix(".ipynb").read_text(encoding="utf-8"))
    kept = json.loads((ROOT / "docs" / "own_model.ipynb").read_text(encoding="utf-8"))
    assert made == kept


def test_the_notebook_registers_and_promotes_in_five_lines() -> None:
    notebook = json.loads((ROOT / "docs" / "own_model.ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    (cell,) = [c["source"] for c in notebook["cells"] if "Models.open" in c["source"]]
    lines = [line for line in cell.splitlines() if line]
    assert len(lines) == 5
    assert all(word in cell for word in ("register(", "verify(", "promote("))
