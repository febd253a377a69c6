"""OpenID providers in processes of their own, and a person who signs in at one, form by form."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest

from streams.access.oidc import Client
from streams.kafka.embedded_broker import free_port

ROOT = Path(__file__).parents[2]
BACK = "http://127.0.0.1:8080/sign-in/oidc/back"
NAMES = ("lead", "viewer", "stranger")


def client_of(issuer: str, back: str = BACK) -> Client:
    """Return what was agreed with a provider."""
    roles = {"plant-lead": "lead", "plant-viewer": "viewer"}
    after = back.removesuffix("/oidc/back")
    return Client(issuer, "page", "page-secret", back, roles, after_uri=after)  # type: ignore[arg-type]


@contextlib.contextmanager
def simple_provider(folder: Path) -> Iterator[str]:
    """Start a provider that knows some people; yield its address."""
    port = free_port()
    people = [{"sub": n, "preferred_username": n, "groups": [f"plant-{n}"]} for n in NAMES]
    claims = [word for person in people for word in ("--user-claims", json.dumps(person))]
    command = [str(Path(sys.executable).parent / "oidc-provider-mock"), "--port", str(port), *claims]
    with _running(command, folder, port) as address:
        yield address


@contextlib.contextmanager
def certified_provider(folder: Path, back: str = BACK) -> Iterator[str]:
    """Start a certified provider, which wants PKCE; yield its address."""
    found = subprocess.run([str(ROOT / "scripts" / "oidc.sh")], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(found.stderr.strip())
    port = free_port()
    script = str(ROOT / "tests" / "support" / "oidc_provider.mjs")
    with _running(["node", script, found.stdout.strip(), str(port), back], folder, port) as address:
        yield address


@contextlib.contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[str]:
    address = f"http://127.0.0.1:{port}"
    with (folder / "provider.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(f"{address}/.well-known/openid-configuration").raise_for_status()
            return
        time.sleep(0.1)
    raise AssertionError("the provider did not start")


def sign_in_at(address: str, name: str, back: str = BACK) -> dict[str, str]:
    """Sign in as a person does where an address leads; return the parameters that one is sent back with."""
    with httpx.Client() as browser:
        answer = browser.get(address)
        for _ in range(10):
            place = urljoin(str(answer.url), answer.headers.get("location", ""))
            if place.startswith(back):
                return dict(parse_qsl(urlsplit(place).query))
            answer = browser.get(place) if answer.is_redirect else _filled(browser, answer, name)
    raise AssertionError(answer.text)


def _filled(browser: httpx.Client, answer: httpx.Response, name: str) -> httpx.Response:
    """Fill in the form that a provider shows, and post it."""
    form = re.search(r"<form[^>]*>.*?</form>", answer.text, re.S)
    assert form is not None, answer.text
    action = re.search(r'action="([^"]*)"', form[0])
    fields = {"login": name, "sub": name, "password": "x"}
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0])
    place = urljoin(str(answer.url), unescape(action[1]) if action else "")
    return browser.post(place, data={**fields, **dict(hidden)})
