"""Signing in with OpenID providers that run: who comes back is who signed in there, and nobody else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from models.errors import ForbiddenError, UnavailableError
from streams.access.oidc import Flow, Oidc
from streams.access.roles import Person
from tests.support.oidc_providers import certified_provider, client_of, sign_in_at, simple_provider

PROVIDERS = [
    pytest.param(simple_provider, id="simple"),
    pytest.param(certified_provider, id="certified", marks=pytest.mark.oidc),
]


@pytest.fixture(scope="module", params=PROVIDERS)
def issuer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with request.param(tmp_path_factory.mktemp("provider")) as address:
        yield address


@pytest.fixture
def oidc(issuer: str) -> Oidc:
    return Oidc(client_of(issuer), time.time)


def come_back(oidc: Oidc, name: str) -> tuple[Flow, dict[str, str]]:
    address, flow = oidc.begin()
    return flow, sign_in_at(address, name)


@pytest.mark.parametrize("role", ["lead", "viewer"])
def test_who_signed_in_there_has_the_role_of_their_group(oidc: Oidc, role: str) -> None:
    flow, answer = come_back(oidc, role)
    person = oidc.finish(flow, answer, "10.0.0.1").person
    assert person == Person(role, role, "oidc", "10.0.0.1")  # type: ignore[arg-type]


def test_what_is_asked_has_state_nonce_and_challenge_and_no_secret(oidc: Oidc) -> None:
    address, flow = oidc.begin()
    asked = parse_qs(urlsplit(address).query)
    assert (asked["state"], asked["nonce"]) == ([flow.state], [flow.nonce])
    assert (asked["code_challenge_method"], asked["response_type"]) == (["S256"], ["code"])
    assert flow.verifier not in address
    assert "page-secret" not in address
    assert oidc.begin()[1] != flow


def test_somebody_without_a_group_that_is_known_is_not_let_in(oidc: Oidc) -> None:
    flow, answer = come_back(oidc, "stranger")
    with pytest.raises(ForbiddenError, match="stranger has no role here"):
        oidc.finish(flow, answer, "")


def test_an_answer_with_another_state_is_none(oidc: Oidc) -> None:
    flow, answer = come_back(oidc, "lead")
    for state in ({"state": "x"}, {"state": ""}):
        with pytest.raises(ForbiddenError, match="no answer to what was asked"):
            oidc.finish(flow, {**answer, **state}, "")


def test_a_token_for_another_nonce_does_not_hold(oidc: Oidc) -> None:
    flow, answer = come_back(oidc, "lead")
    with pytest.raises(ForbiddenError, match=r"token does not hold.*nonce"):
        oidc.finish(replace(flow, nonce="x"), answer, "")


def test_a_code_is_taken_once(oidc: Oidc) -> None:
    flow, answer = come_back(oidc, "lead")
    oidc.finish(flow, answer, "")
    with pytest.raises(ForbiddenError, match="does not take the code"):
        oidc.finish(flow, answer, "")


def test_a_token_ends(oidc: Oidc, issuer: str) -> None:
    flow, answer = come_back(oidc, "lead")
    later = Oidc(client_of(issuer), lambda: time.time() + 86_400)
    with pytest.raises(ForbiddenError, match=r"token does not hold.*expired"):
        later.finish(flow, answer, "")


def test_an_answer_of_another_provider_is_refused(oidc: Oidc) -> None:
    flow, answer = come_back(oidc, "lead")
    with pytest.raises(ForbiddenError, match="of another provider"):
        oidc.finish(flow, {**answer, "iss": "https://evil.example"}, "")


def test_a_refusal_of_the_provider_is_passed_on(oidc: Oidc) -> None:
    _, flow = oidc.begin()
    answer = {"state": flow.state, "error": "access_denied", "iss": oidc.client.issuer}
    with pytest.raises(ForbiddenError, match="The provider says: access_denied"):
        oidc.finish(flow, answer, "")


def test_a_token_that_another_has_signed_does_not_hold(oidc: Oidc, tmp_path: Path) -> None:
    flow, answer = come_back(oidc, "lead")
    with simple_provider(tmp_path) as other:
        about, keys = dict(oidc._metadata()), Oidc(client_of(other), time.time)
        oidc._about = {**about, "jwks_uri": keys._metadata()["jwks_uri"]}
        with pytest.raises(ForbiddenError, match="token does not hold"):
            oidc.finish(flow, answer, "")


@pytest.mark.oidc
def test_a_certified_provider_takes_a_code_with_its_verifier_alone(tmp_path: Path) -> None:
    with certified_provider(tmp_path) as issuer:
        oidc = Oidc(client_of(issuer), time.time)
        flow, answer = come_back(oidc, "lead")
        with pytest.raises(ForbiddenError, match="does not take the code: invalid_grant"):
            oidc.finish(replace(flow, verifier="x" * 64), answer, "")


@pytest.mark.oidc
def test_a_provider_that_calls_itself_otherwise_is_named(tmp_path: Path) -> None:
    with certified_provider(tmp_path) as issuer:
        other = Oidc(client_of(issuer.replace("127.0.0.1", "localhost")), time.time)
        with pytest.raises(UnavailableError, match="expected 'http://localhost"):
            other.begin()


def test_a_provider_that_is_away_is_named() -> None:
    with pytest.raises(UnavailableError, match=r"the provider http://127\.0\.0\.1:9 does not answer"):
        Oidc(client_of("http://127.0.0.1:9"), time.time).begin()


def test_the_provider_is_told_which_session_ends_and_where_one_goes_on(oidc: Oidc) -> None:
    flow, answer = come_back(oidc, "lead")
    place = urlsplit(oidc.end(oidc.finish(flow, answer, "").id_token))
    assert place.geturl().startswith(oidc._metadata()["end_session_endpoint"])
    said = parse_qs(place.query)
    claims = oidc._decoded(said["id_token_hint"][0]).claims
    assert (claims["sub"], claims["aud"]) in (("lead", "page"), ("lead", ["page"]))
    assert said["post_logout_redirect_uri"] == ["http://127.0.0.1:8080/sign-in"]
    assert said["client_id"] == ["page"]


def test_what_the_place_of_the_provider_asks_for_itself_stays(oidc: Oidc) -> None:
    oidc._about = {**oidc._metadata(), "end_session_endpoint": "https://id.example/end?realm=a%20b"}
    assert oidc.end("x").startswith("https://id.example/end?realm=a+b&id_token_hint=x&client_id=page&")


def test_without_such_a_place_or_an_answer_there_is_nothing_to_end_at_the_provider(oidc: Oidc) -> None:
    oidc._about = {key: value for key, value in oidc._metadata().items() if key != "end_session_endpoint"}
    assert oidc.end("x") == ""
    assert Oidc(client_of("http://127.0.0.1:9"), time.time).end("x") == ""
