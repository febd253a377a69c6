"""Signing in with an OpenID provider: the code flow with PKCE, state and nonce."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.common.urls import add_params_to_uri
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from models.errors import ForbiddenError, UnavailableError
from streams.access.groups import role_of
from streams.access.roles import Person, Role
from streams.access.users import LONGEST_NAME

OIDC = "oidc"
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""None with a secret that is shared: then whoever may check a token could make one."""
_ANSWER_S, _LEEWAY_S = 10.0, 60


@dataclass(frozen=True, slots=True)
class Client:
    """What is agreed with a provider, and which claims name somebody and their groups.

    A claim within others has a path: ``realm_access.roles``. Without a secret the client is a public one.
    The provider sends people to ``after_uri`` when they have signed out there.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    roles: Mapping[str, Role]
    scope: str = "openid profile email"
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    after_uri: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in under way; it belongs to a browser, and is used once."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who came back, and the token that shows the provider whose session they end with ours."""

    person: Person
    id_token: str = field(repr=False)


class Oidc:
    """Sends people to their provider, and knows who comes back."""

    def __init__(self, client: Client, clock_s: Callable[[], float]) -> None:
        self.client, self.clock_s = client, clock_s
        self._lock = threading.Lock()
        self._about: Mapping[str, Any] | None = None
        self._keys: KeySet | None = None

    def begin(self) -> tuple[str, Flow]:
        """Return where to sign in, and the flow that this begins; raises UnavailableError."""
        flow = Flow(generate_token(32), generate_token(32), generate_token(64))
        place = self._metadata()["authorization_endpoint"]
        with self._session() as session:
            address, _ = session.create_authorization_url(
                place, state=flow.state, nonce=flow.nonce, code_verifier=flow.verifier
            )
        return str(address), flow

    def finish(self, flow: Flow, answer: Mapping[str, str], address: str) -> Arrival:
        """Return who came back with an answer of the provider.

        Raises ForbiddenError for an answer that is not the one to this flow, or somebody without a role, and
        UnavailableError if the provider does not answer.
        """
        self._check(flow, answer)
        tokens = self._redeem(answer["code"], flow.verifier)
        claims = self._claims(tokens, flow.nonce)
        if _at(claims, self.client.groups_claim) is None and "userinfo_endpoint" in self._metadata():
            claims = {**self._userinfo(tokens, str(claims["sub"])), **claims}
        return Arrival(self._person(claims, address), str(tokens["id_token"]))

    def end(self, id_token: str) -> str:
        """Return where a browser ends the session at the provider that a token is of.

        Empty if the provider has no such place, or does not answer: then ours alone has ended.
        """
        try:
            place = str(self._metadata().get("end_session_endpoint", ""))
        except UnavailableError:
            return ""
        said = {"id_token_hint": id_token, "client_id": self.client.client_id}
        if self.client.after_uri:
            said["post_logout_redirect_uri"] = self.client.after_uri
        return add_params_to_uri(place, said.items()) if place else ""

    def _check(self, flow: Flow, answer: Mapping[str, str]) -> None:
        """Refuse an answer to another question, of another provider (RFC 9207), or that says no."""
        if answer.get("state") != flow.state:
            raise ForbiddenError("This is no answer to what was asked: sign in once more.")
        about = self._metadata()
        says_who = about.get("authorization_response_iss_parameter_supported") or "iss" in answer
        if says_who and answer.get("iss") != about["issuer"]:
            raise ForbiddenError("This answer is of another provider.")
        if not answer.get("code"):
            said = answer.get("error_description") or answer.get("error") or "no code"
            raise ForbiddenError(f"The provider says: {said[:200]}")

    def _redeem(self, code: str, verifier: str) -> Mapping[str, Any]:
        with self._session() as session:
            try:
                return dict(
                    session.fetch_token(
                        self._metadata()["token_endpoint"],
                        grant_type="authorization_code",
                        code=code,
                        code_verifier=verifier,
                        timeout=_ANSWER_S,
                    )
                )
            except AuthlibBaseError as error:
                raise ForbiddenError(f"The provider does not take the code: {error.error}") from error
            except (requests.RequestException, ValueError) as error:
                raise self._away(error) from error

    def _claims(self, tokens: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """Return what a token says of somebody, if it is of this provider, for us and this flow."""
        issuer = self._metadata()["issuer"]
        options = {"iss": {"essential": True, "values": [issuer]}}
        options |= {"aud": {"essential": True, "values": [self.client.client_id]}}
        about = {
            "nonce": nonce,
            "client_id": self.client.client_id,
            "access_token": tokens.get("access_token"),
        }
        try:
            token = self._decoded(str(tokens["id_token"]))
            claims = CodeIDToken(token.claims, token.header, options, about)
            claims.validate(now=int(self.clock_s()), leeway=_LEEWAY_S)
        except (JoseError, AuthlibBaseError, KeyError, ValueError) as error:
            raise ForbiddenError(f"The provider's token does not hold: {error}") from error
        return dict(claims)

    def _decoded(self, token: str) -> jwt.Token:
        registry = JWSRegistry(algorithms=list(_ALGORITHMS), strict_check_header=False)
        try:
            return jwt.decode(token, self._key_set(), registry=registry)
        except InvalidKeyIdError:
            self._keys = None  # the provider has others since
            return jwt.decode(token, self._key_set(), registry=registry)

    def _userinfo(self, tokens: Mapping[str, Any], sub: str) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {tokens.get('access_token')}"}
        found = self._get(self._metadata()["userinfo_endpoint"], headers)
        if found.get("sub") != sub:
            raise ForbiddenError("What the provider says is of somebody else.")
        return found

    def _person(self, claims: Mapping[str, Any], address: str) -> Person:
        name = str(_at(claims, self.client.name_claim) or claims["sub"])
        if not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
            raise ForbiddenError(f"{self.client.name_claim} = {name[:20]!r}: expected a name")
        said = _at(claims, self.client.groups_claim) or []
        groups = [said] if isinstance(said, str) else [str(group) for group in said]
        return Person(name, role_of(name, groups, self.client.roles), OIDC, address)

    def _metadata(self) -> Mapping[str, Any]:
        with self._lock:
            if self._about is None:
                found = self._get(f"{self.client.issuer.rstrip('/')}/.well-known/openid-configuration")
                if str(found.get("issuer", "")).rstrip("/") != self.client.issuer.rstrip("/"):
                    said = f"{found.get('issuer')!r}: expected {self.client.issuer!r}"
                    raise UnavailableError(f"the provider calls itself {said} (CHILLCAST_OIDC_ISSUER)")
                self._about = found
            return self._about

    def _key_set(self) -> KeySet:
        if self._keys is None:
            self._keys = KeySet.import_key_set(self._get(self._metadata()["jwks_uri"]))  # type: ignore[arg-type]
        return self._keys

    def _get(self, address: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        try:
            found = requests.get(address, headers=headers, timeout=_ANSWER_S)
            found.raise_for_status()
            return dict(found.json())
        except (requests.RequestException, ValueError) as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> UnavailableError:
        return UnavailableError(f"the provider {self.client.issuer} does not answer: {error}")

    def _session(self) -> OAuth2Session:
        client = self.client
        return OAuth2Session(
            client.client_id,
            client.client_secret or None,
            token_endpoint_auth_method="client_secret_basic" if client.client_secret else "none",
            scope=client.scope,
            redirect_uri=client.redirect_uri,
            code_challenge_method="S256",
        )


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim, also one within others.

    >>> _at({"realm_access": {"roles": ["a"]}}, "realm_access.roles"), _at({"a.b": 1}, "a.b")
    (['a'], 1)
    """
    if path in claims:
        return claims[path]
    found: Any = claims
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
