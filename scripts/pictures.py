"""Takes pictures of README and docs anew: ``pictures.py demo``, ``skill``, or ``training REPORT``.

They show what `make demo` or `make skill` left under the home folder, or a report of `chillcast train`. The
others are drawn by what finds their figures: `make house`, `loop`, `simulator-report` and `proof-figures`.
"""

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
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

from chillcast.resources import Resources
from streams.kafka.embedded_broker import free_port
from streams.page.app import create_app
from streams.page.case_pages import CaseWork

ROOT = Path(__file__).parents[1]
HOME, IMAGES = ROOT / ".chillcast", ROOT / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE = (1100, 720)
SIZES = {
    "page-cases.png": SIZE,
    "page-fleet.png": SIZE,
    "page-machine.png": SIZE,
    "machine-life.png": (1320, 1100),
    "skill.png": (1320, 946),
    "calibration.png": (500, 405),
}
"""Width and height of those whose size does not depend on what they show, in pixels."""


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


@contextmanager
def browsing() -> Iterator[Tab]:
    """Yield a tab of a browser without a window."""
    browser_path = next(found for name in BROWSERS if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        browser.close()


def photograph(address: str, images: Path) -> None:
    """Write the lists of cases and of the fleet, and its most urgent machine."""
    with browsing() as tab:
        tab.goto(f"{address}/cases")
        tab.screenshot(path=images / "page-cases.png")
        tab.goto(address)
        tab.screenshot(path=images / "page-fleet.png")
        tab.locator(".list a").first.click()
        tab.wait_for_load_state()
        tab.screenshot(path=images / "page-machine.png")


def live(images: Path, *more: str) -> None:
    """Draw the life of a machine of the demonstration, or of ``more`` options of `chillcast simulate`."""
    life = ["simulate", "demo", "--plot", str(images / "machine-life.png"), *more]
    subprocess.run([sys.executable, "-m", "chillcast", *life], cwd=ROOT, check=True)


def demonstrate(home: Path, images: Path) -> None:
    """Write every picture that shows the demonstration."""
    with serving(home) as address:
        photograph(address, images)
    shutil.copyfile(home / "demo" / "report.png", images / "demo-report.png")
    live(images)


def judge(home: Path, images: Path) -> None:
    """Write what the forecast is worth."""
    shutil.copyfile(home / "skill" / "report.png", images / "skill.png")


def calibrate(report: Path, images: Path) -> None:
    """Write the calibration that stands in the report of a training."""
    with browsing() as tab:
        tab.goto(report.resolve().as_uri())
        tab.locator("#calibration svg").screenshot(path=images / "calibration.png")


def main(what: str = "demo", *more: str) -> None:
    """Write the pictures of one kind."""
    if what == "demo":
        demonstrate(HOME, IMAGES)
    elif what == "skill":
        judge(HOME, IMAGES)
    elif what == "training" and more:
        calibrate(Path(more[0]), IMAGES)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
