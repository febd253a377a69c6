"""Takes the pictures of README and docs anew, of what `make demo` left under a home folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import sync_playwright

from chillcast.resources import Resources
from streams.kafka.embedded_broker import free_port
from streams.page.app import create_app
from streams.page.case_pages import CaseWork

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE = (1100, 720)


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """Show the store of a home on a page, with the times of its sites; yield its address."""
    port, resources = free_port(), Resources.open(home=str(home))
    work = CaseWork(times=resources.site_times)
    app = create_app(resources.open_reader(), resources.fleet, work=work)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def photograph(address: str, images: Path) -> None:
    """Write the lists of cases and of the fleet, and its most urgent machine."""
    browser_path = next(found for name in BROWSERS if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        tab.goto(f"{address}/cases")
        tab.screenshot(path=images / "page-cases.png")
        tab.goto(address)
        tab.screenshot(path=images / "page-fleet.png")
        tab.locator(".list a").first.click()
        tab.wait_for_load_state()
        tab.screenshot(path=images / "page-machine.png")
        browser.close()


def main(home: Path, images: Path) -> None:
    """Write every picture that shows the demonstration."""
    with serving(home) as address:
        photograph(address, images)
    shutil.copyfile(home / "demo" / "report.png", images / "demo-report.png")
    life = ["simulate", "demo", "--plot", str(images / "machine-life.png")]
    subprocess.run([sys.executable, "-m", "chillcast", *life], cwd=ROOT, check=True)


if __name__ == "__main__":
    main(ROOT / ".chillcast", IMAGES)
