"""What a routes file may say, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.delivery.routes import Routes, read_routes
from models.errors import ConfigError

KNOWN = "one of ops, pager (CHILLCAST_CHANNELS)"
GOOD = """
zone = "Europe/Berlin"

[[routes]]
name = "critical"
channels = ["ops"]
severities = ["critical"]
quiet = "22:00-06:00"
repeat_h = 4

[[routes.escalations]]
after_h = 1
channels = ["pager"]
"""


def read(folder: Path, text: str) -> Routes:
    path = folder / "routes.toml"
    path.write_text(text, encoding="utf-8")
    return read_routes(path, ("ops", "pager"), KNOWN)


def test_a_file_says_who_is_told_of_what(tmp_path: Path) -> None:
    routes = read(tmp_path, GOOD)
    assert (routes.zone, routes.routes[0].escalations[0].channels) == ("Europe/Berlin", ("pager",))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (('["ops"]', '["opps"]'), f"routes[0].channels = 'opps': expected {KNOWN}"),
        (('["pager"]', '["boss"]'), f"routes[0].escalations[0].channels = 'boss': expected {KNOWN}"),
        (('"22:00-06:00"', '"10pm"'), "routes[0].quiet = '10pm': expected two times of day, as 20:00-06:00"),
        (("Europe/Berlin", "Berlin"), "zone = 'Berlin': expected a zone of the IANA database"),
        (('"critical"]', '"bad"]'), "routes[0].severities[0] = 'bad': expected one of warning, critical"),
        (("repeat_h = 4", "repeat_h = 0"), "routes[0].repeat_h = 0: expected a number above 0"),
        (("repeat_h", "repeats_h"), "routes[0].repeats_h is not known: did you mean repeat_h?"),
        (("channels = [", "channels = []#["), "routes[0].channels = []: expected a list of at least 1"),
        (
            ("[[routes]]", "[[routes]]\nname='critical'\nchannels=['ops']\n[[routes]]"),
            "that no other route has",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_key_and_value(
    tmp_path: Path, change: tuple[str, str], fault: str
) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, GOOD.replace(*change, 1))
    assert fault in str(error.value)
