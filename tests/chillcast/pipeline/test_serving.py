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

from chillcast.pipeline.serving import serve_page
from chillcast.resources import Resources
from chillcast.settings import Settings
from chillcast.terminal.reporter import Reporter
from models.errors import ConfigError
from models.fleet.fleet import load_fleet


def test_a_port_that_is_taken_is_refused_by_name(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(home=str(tmp_path), page_port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match=r"CHILLCAST_PAGE_PORT.*expected a free port on 127\.0\.0\.1"):
            serve_page(Resources(settings, load_fleet(settings.fleet_path)), Reporter())


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
