"""How people come in to the page, as the settings say; what would let in nobody, or anybody, is refused."""

from __future__ import annotations

from collections.abc import Iterable

from chillcast.resources import Resources
from chillcast.settings import Settings
from models.errors import ConfigError
from models.event_time import HOUR_MS, MINUTE_MS
from models.fleet.config import refuse
from streams.access.api_tokens import ApiTokens
from streams.access.attempts import Attempts
from streams.access.groups import read_groups
from streams.access.oidc import Client, Oidc
from streams.access.proxy import Proxy
from streams.access.refusals import Refusals
from streams.access.sessions import Sessions, Span
from streams.access.users import Users
from streams.page.door import Door

LOCAL = ("127.0.0.1", "::1", "localhost")
_NEAR = ("http://127.0.0.1", "http://localhost", "http://[::1]")
_LEAST_SECRET = 32


def door_of(resources: Resources) -> Door | None:
    """Return how people come in, None if nobody signs in wherever it listens.

    Raises ConfigError if the page would be open beyond loopback without that being asked for.
    """
    settings, audit = resources.settings, resources.audit
    users = Users(audit)
    refuse(list(_unsafe(settings)))
    if settings.page_sign_in == "none":
        return None
    is_local = settings.page_host in LOCAL
    oidc, proxy = _oidc(resources), _proxy(settings)
    if not (is_local or oidc or proxy or users.are_there):
        expected = (
            "127.0.0.1, as long as nobody can sign in: add somebody with chillcast users add, set "
            "CHILLCAST_OIDC_ISSUER or CHILLCAST_PROXY_SECRET, or say CHILLCAST_PAGE_SIGN_IN=none"
        )
        raise settings.wrong("page_host", expected)
    span = Span(settings.page_idle_min * MINUTE_MS, settings.page_session_h * HOUR_MS)
    is_https = settings.page_url.startswith("https:")
    attempts = Attempts(audit.database, audit.clock)
    sessions = Sessions(audit, users, span)
    tokens, refusals = ApiTokens(audit), Refusals(audit, resources.clock.monotonic_s)
    return Door(audit, users, sessions, attempts, tokens, refusals, is_local, is_https, oidc, proxy)


def _oidc(resources: Resources) -> Oidc | None:
    """Return the way to an OpenID provider, if one is set."""
    settings = resources.settings
    if not settings.oidc_issuer:
        return None
    client = Client(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        redirect_uri=f"{settings.page_url.rstrip('/')}/sign-in/oidc/back",
        roles=read_groups(settings.page_roles),
        scope=settings.oidc_scope,
        name_claim=settings.oidc_name_claim,
        groups_claim=settings.oidc_groups_claim,
        after_uri=f"{settings.page_url.rstrip('/')}/sign-in",
    )
    return Oidc(client, resources.clock.since_1970_s)


def _proxy(settings: Settings) -> Proxy | None:
    """Return what is agreed with a proxy that knows people, if there is one."""
    secret = settings.proxy_secret.get_secret_value()
    headers = (settings.proxy_user_header.lower(), settings.proxy_groups_header.lower())
    return Proxy(secret, read_groups(settings.page_roles), *headers) if secret else None


def _unsafe(settings: Settings) -> Iterable[ConfigError]:
    """Yield an error for each way to sign in that would let in nobody, or anybody."""
    issuer, secret = settings.oidc_issuer, settings.proxy_secret.get_secret_value()
    if issuer and not issuer.startswith(("https://", *_NEAR)):
        yield settings.wrong("oidc_issuer", "https, unless it is on this machine")
    if issuer and not settings.oidc_client_id:
        yield settings.wrong("oidc_client_id", "a name, as the provider knows the page")
    if issuer and not settings.page_url:
        yield settings.wrong("page_url", "the address to which the provider sends people back")
    if (issuer or secret) and not settings.page_roles:
        yield settings.wrong("page_roles", "group=role: without it nobody whom others know has a role")
    if (issuer or secret) and settings.page_sign_in == "none":
        yield settings.wrong("page_sign_in", "auto, since there is a way to sign in")
    if secret and len(secret) < _LEAST_SECRET:
        yield settings.wrong("proxy_secret", f"at least {_LEAST_SECRET} characters")
