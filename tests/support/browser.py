"""How a real browser is started for tests, and what is asked of a page in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import uvicorn
from playwright.sync_api import Page as Tab
from starlette.types import ASGIApp

from streams.kafka.embedded_broker import free_port
from tests.support.people import password_of

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The texts whose contrast with what lies behind them, after WCAG 2.2, is below 4.5 : 1.
FAINT_TEXTS = """() => {
  const channels = (text) => text.match(/[0-9.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((c) => c / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const found = channels(getComputedStyle(element).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const ratio = (element) => {
    const style = getComputedStyle(element);
    const ink = element instanceof SVGElement ? style.fill : style.color;
    const [low, high] = [light(channels(ink)), light(ground(element))].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const hasText = (element) => [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  return [...document.body.querySelectorAll("*")]
    .filter((element) => hasText(element) && element.checkVisibility() && ratio(element) < 4.5)
    .map((element) => element.textContent.trim());
}"""


def serve(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """Serve an application in a thread, at a free port unless one is given; yield its address."""
    port = port or free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def sign_in(tab: Tab, name: str, password: str = "") -> None:
    """Sign in on the page that asks for it, by default with the password of that name."""
    tab.get_by_label("Name").fill(name)
    tab.get_by_label("Password").fill(password or password_of(name))
    tab.get_by_role("button", name="Sign in").click()
