from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from chillcast.pipeline.entrance import door_of
from chillcast.pipeline.serving import case_work, serve_page
from chillcast.resources import Resources
from chillcast.settings import Settings, read_settings
from chillcast.terminal.reporter import Reporter
from models.errors import ConfigError
from models.fleet.fleet import load_fleet
from streams.access.users import Users
from tests.support.people import BY, QUICK

AWAY = {"broker": "b:1", "page_host": "10.0.0.7"}


def resources(home: Path, **given: str) -> Resources:
    settings = read_settings(home=str(home), **given)
    return Resources(settings, load_fleet(settings.fleet_path))


def test_a_port_that_is_taken_is_refused_by_name(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(home=str(tmp_path), page_port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match=r"CHILLCAST_PAGE_PORT.*expected a free port on 127\.0\.0\.1"):
            serve_page(Resources(settings, load_fleet(settings.fleet_path)), Reporter(), {})


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"broker": "b:1"}, None),
        ({}, "Cases cannot be changed here: the page was given no broker (CHILLCAST_BROKER)."),
        ({"broker": "b:1", "page_writes": "nobody"}, "the page was started to show alone"),
        ({**AWAY, "page_sign_in": "none"}, "the page listens on 10.0.0.7 and knows nobody"),
        (
            {"broker": "b:1", "page_host": "0.0.0.0", "page_sign_in": "none"},
            "the page listens on 0.0.0.0 and knows nobody",
        ),
        ({**AWAY, "page_sign_in": "none", "page_writes": "anyone"}, None),
        (AWAY, None),
        ({**AWAY, "page_writes": "nobody"}, "the page was started to show alone"),
        ({"broker": "b:1", "page_host": "::1"}, None),
    ],
)
def test_cases_are_changed_through_the_page_on_loopback_alone_unless_told_otherwise(
    tmp_path: Path, given: dict[str, str], why: str | None
) -> None:
    work = case_work(resources(tmp_path, **given))
    assert (work.ask is None) is (why is not None)
    assert (why or "") in work.why


def test_beyond_loopback_somebody_has_to_sign_in(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"CHILLCAST_PAGE_HOST|--host.*expected 127\.0\.0\.1.*users add"):
        door_of(resources(tmp_path, page_host="0.0.0.0"))
    found = resources(tmp_path, page_host="0.0.0.0")
    Users(found.audit, QUICK).add("ann", "lead", "a long password", BY)
    door = door_of(found)
    assert door is not None
    assert not door.is_open
    assert door_of(resources(tmp_path / "other", page_host="0.0.0.0", page_sign_in="none")) is None


def test_on_loopback_nobody_signs_in_until_there_is_somebody(tmp_path: Path) -> None:
    found = resources(tmp_path, page_url="https://page.example")
    door = door_of(found)
    assert door is not None
    assert door.is_https
    assert door.is_open
    Users(found.audit, QUICK).add("ann", "lead", "a long password", BY)
    assert not door.is_open


def test_the_page_is_served_until_an_interrupt_which_ends_it_without_a_trace(tmp_path: Path) -> None:
    environment = {**os.environ, "CHILLCAST_HOME": str(tmp_path), "CHILLCAST_PAGE_PORT": "0"}
    command = [sys.executable, "-m", "chillcast", "page"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as page:
        try:
            assert page.stdout is not None
            (url,) = re.findall(r"http://\S+", page.stdout.readline().decode())
            with urllib.request.urlopen(url, timeout=30) as answer:
                assert b"the store is empty" in answer.read()
            page.send_signal(signal.SIGINT)
            rest, _ = page.communicate(timeout=30)
            assert (page.returncode, rest) == (0, b"")
        finally:
            page.kill()


def test_a_page_that_would_be_open_to_all_does_not_start(tmp_path: Path) -> None:
    found = resources(tmp_path, page_host="0.0.0.0", page_port="0")
    with pytest.raises(ConfigError, match=r"--host = '0\.0\.0\.0': expected 127\.0\.0\.1, as long as nobody"):
        serve_page(found, Reporter(), {})


def test_a_page_that_is_asked_without_https_says_that_passwords_cross_the_network(tmp_path: Path) -> None:
    Users(resources(tmp_path).audit, QUICK).add("ann", "lead", "a long password", BY)
    environment = {**os.environ, "CHILLCAST_HOME": str(tmp_path), "CHILLCAST_PAGE_PORT": "0"}
    for url, said in (("", True), ("https://page.example", False)):
        command = [sys.executable, "-m", "chillcast", "page", "--host", "0.0.0.0"]
        given = {**environment, "CHILLCAST_PAGE_URL": url}
        with subprocess.Popen(command, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as page:
            try:
                assert page.stdout is not None
                assert (b"passwords cross the network" in page.stdout.readline()) is said
            finally:
                page.kill()
