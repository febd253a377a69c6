"""The documentation as a site: whole, and without a link that leads nowhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(config)]
    return subprocess.run(
        [*command, "--site-dir", str(site)], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    found = build(ROOT / "mkdocs.yml", folder)
    assert found.returncode == 0, found.stderr
    return folder


def test_every_document_has_its_page(site: Path) -> None:
    documents = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    assert len(documents) > 30
    pages = {path.parent.relative_to(site).as_posix() for path in site.rglob("index.html")}
    assert {d.with_suffix("").as_posix() for d in documents if d.name != "index.md"} <= pages


def test_pages_ask_no_other_host_for_fonts_or_scripts(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    assert "fonts.g" not in text
    assert 'src="http' not in text


def test_a_link_that_leads_nowhere_fails(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Start\n\n[gone](gone.md) [here](#nowhere)\n")
    own = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[0]
    (tmp_path / "mkdocs.yml").write_text(own)
    found = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert found.returncode != 0
    assert "gone.md" in found.stderr
    assert "#nowhere" in found.stderr
