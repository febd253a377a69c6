"""Which ways there are to sign in, as the settings say."""

from __future__ import annotations

from pathlib import Path

import pytest

from chillcast.pipeline.entrance import door_of
from chillcast.resources import Resources
from chillcast.settings import read_settings
from models.errors import ConfigError
from models.fleet.fleet import load_fleet

OIDC = {
    "oidc_issuer": "https://id.example",
    "oidc_client_id": "page",
    "page_url": "https://page.example/",
    "page_roles": "leads=lead,*=viewer",
}
PROXY = {"proxy_secret": "s" * 32, "page_roles": "leads=lead"}


def resources(home: Path, **given: str) -> Resources:
    settings = read_settings(home=str(home), **given)
    return Resources(settings, load_fleet(settings.fleet_path))


def test_a_provider_and_a_proxy_are_ways_to_sign_in_also_beyond_loopback(tmp_path: Path) -> None:
    door = door_of(resources(tmp_path, page_host="0.0.0.0", **OIDC))
    assert door is not None
    assert door.oidc is not None
    assert door.oidc.client.redirect_uri == "https://page.example/sign-in/oidc/back"
    assert door.oidc.client.roles == {"leads": "lead", "*": "viewer"}
    assert (door.is_open, door.is_https) == (False, True)
    behind = door_of(resources(tmp_path, page_host="0.0.0.0", proxy_user_header="X-User", **PROXY))
    assert behind is not None
    assert behind.proxy is not None
    assert (behind.proxy.user_header, behind.proxy.groups_header) == ("x-user", "x-forwarded-groups")
    assert not behind.is_open


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"oidc_issuer": "http://id.example"}, "--oidc_issuer = 'http://id.example': expected https, unless"),
        ({"oidc_client_id": ""}, "--oidc_client_id = '': expected a name"),
        ({"page_url": ""}, "--page_url = '': expected the address to which"),
        ({"page_roles": ""}, "--page_roles = '': expected group=role"),
        ({"page_roles": "leads=boss"}, "role = 'boss': expected one of viewer"),
        ({"page_roles": "leads"}, "--page_roles = 'leads': expected group=role, several"),
        ({"page_sign_in": "none"}, "--page_sign_in = 'none': expected auto"),
        ({"proxy_secret": "short"}, r"--proxy_secret = '\*+': expected at least 32 characters"),
    ],
)
def test_a_way_that_would_let_in_nobody_or_anybody_is_refused(
    tmp_path: Path, change: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        door_of(resources(tmp_path, **{**OIDC, **change}))


def test_a_provider_on_this_machine_needs_no_https(tmp_path: Path) -> None:
    assert door_of(resources(tmp_path, **{**OIDC, "oidc_issuer": "http://127.0.0.1:9400"}))
