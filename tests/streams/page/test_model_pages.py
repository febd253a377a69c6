"""The page of models: who scores and how the challenger does; promoting and rolling back, for who may."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.errors import ModelError, UnavailableError
from models.event_time import DAY_MS
from streams.page.app import create_app
from streams.page.backstage import Wanted
from streams.page.case_pages import CaseWork
from streams.page.door import Door
from tests.support.case_store import LedCases
from tests.support.model_desks import OBJECTIONS, RUN, ToldModels
from tests.support.page import FLEET, NEWEST_MS, drift_of_many
from tests.support.people import bearer, password_of

Browse = Callable[..., TestClient]
REASON = "it has won"


@pytest.fixture
def told() -> ToldModels:
    return ToldModels()


@pytest.fixture
def browse(led: LedCases, door: Door, told: ToldModels) -> Browse:
    """Sign somebody in, who is called after their role."""

    def opened(role: str = "data-scientist", **given: Any) -> TestClient:
        work = CaseWork(led.ask, audit=door.audit)
        clock, behind = (lambda: NEWEST_MS), told.backstage(**given)
        app = create_app(led.store, FLEET, clock=clock, work=work, door=door, backstage=behind)
        client = TestClient(app, "http://localhost", follow_redirects=False)
        form = {"name": role, "password": password_of(role), "token": token_of(client.get("/sign-in").text)}
        assert client.post("/sign-in", data=form).status_code in (200, 303)
        return client

    return opened


def token_of(text: str) -> str:
    found = re.search(r'name="token" value="([^"]*)"', text)
    return found[1] if found else ""


def post(client: TestClient, **fields: str) -> Any:
    page = client.get("/models").text
    form = {"token": token_of(page or ""), "seen": "3", "reason": REASON, **fields}
    return client.post("/models", data=form)


def program(led: LedCases, door: Door, told: ToldModels, role: str, **given: Any) -> TestClient:
    work = CaseWork(led.ask, audit=door.audit)
    app = create_app(led.store, FLEET, work=work, door=door, backstage=told.backstage(**given))
    return TestClient(app, "http://localhost", headers=bearer(door, role))


def forbidden(door: Door) -> list[tuple[str, str, str]]:
    return [(one.who, one.action, one.about) for one in door.audit.read() if one.result == "forbidden"]


def test_champion_and_challenger_stand_beside_each_other_with_what_came_of_both(browse: Browse) -> None:
    text = browse("viewer").get("/models").text
    champion, challenger = text.split("Challenger: it scores beside")
    assert "Version <strong>2</strong>" in champion
    assert "The gate was overridden: recall" in champion
    assert "Cases open from a risk of 25\u00a0% on" in champion
    assert "Version <strong>3</strong>" in challenger
    assert "the challenger, version 3, is <strong>better</strong>" in challenger
    assert "between -0.2 and -0.05 with 95 % confidence" in challenger
    assert "<td>0.9123</td><td>0.9123</td>" in challenger
    assert "20 machines &lt;changed&gt;" in challenger
    assert "first &lt;one&gt;" in challenger


def drift_section(client: TestClient) -> str:
    text: str = client.get("/models").text
    return text.split('<section id="drift">')[1].split("</section>", maxsplit=1)[0]


def test_drift_that_concerns_the_champion_says_since_when_how_much_and_what_was_done(
    browse: Browse, led: LedCases
) -> None:
    led.store.add(drift_of_many())
    led.store.flush()
    answered = {**RUN, "as_of_ms": NEWEST_MS - 5 * DAY_MS, "result": "promoted"}
    text = drift_section(browse(retraining=lambda: {"runs": [answered]}))
    season, population = text.split("<tr>")[2:4]
    assert season.startswith('<th scope="row"><time>2025-12-27</time></th><td>season</td>')
    assert "&lt;b&gt;bearing&lt;/b&gt; reads" in season
    assert "+1.25 K" in season
    assert "told 3 times, last <time>2026-01-02</time>" in season
    assert "PSI 0.40, KS 0.30" in population
    done = "retraining 1 (drift: 20 machines &lt;changed&gt;): promoted, version 3"
    place = "/record?kind=retraining&amp;fleet=chiller&amp;q=retraining+1+of"
    assert f'<td><a href="{place}">{done}</a></td>' in season
    assert "one machine alone" not in text
    worth = text.split("What the scores of each week were worth")[1]
    assert re.findall(r"</span>([^<]*)</td>", worth) == [
        *("0.0500", "0.0612", "80", "75\u00a0%", "21"),
        *("0.0500", "–", "0", "–", "–"),
    ]


def test_who_may_not_read_the_record_is_told_what_was_done_without_a_way_there(
    browse: Browse, led: LedCases
) -> None:
    led.store.add(drift_of_many())
    led.store.flush()
    answered = {**RUN, "as_of_ms": NEWEST_MS, "result": "lost"}
    text = drift_section(browse("viewer", retraining=lambda: {"runs": [answered]}))
    assert "retraining 1 (drift: 20 machines &lt;changed&gt;): lost, version 3" in text
    assert "/record" not in text
    early = drift_section(browse("viewer", retraining=lambda: {"runs": [{**RUN, "as_of_ms": 0}]}))
    assert "nothing yet" in early


def test_without_drift_the_page_says_that_none_was_told(browse: Browse) -> None:
    text = drift_section(browse())
    assert "None was told in the last four weeks" in text
    assert "No week was told yet" in text


def test_what_cannot_be_had_is_said_and_the_rest_is_shown(browse: Browse) -> None:
    def away() -> dict[str, Any]:
        raise UnavailableError("b:9092 does not answer")

    text = (
        browse(fares=away, retraining=None, manifest=lambda _: {"problem": "sha256 <wrong>"})
        .get("/models")
        .text
    )
    assert "b:9092 does not answer" in text
    assert "sha256 &lt;wrong&gt;" in text
    text = browse(promotions=None, fares=None).get("/models").text
    assert "a risk model has to be promoted first" in text


@pytest.mark.parametrize("role", ["viewer", "technician", "lead"])
def test_who_may_not_has_no_form_and_is_refused_on_record(
    browse: Browse, door: Door, told: ToldModels, role: str
) -> None:
    client = browse(role)
    assert "Promote to champion" not in client.get("/models").text
    token = token_of(client.get("/cases").text) or token_of(client.get("/you").text)
    form = {
        "token": token,
        "seen": "3",
        "reason": "x",
        "action": "promote",
        "version": "3",
        "override": "yes",
    }
    answer = client.post("/models", data=form)
    assert (answer.status_code, told.asked) == (403, [])
    assert "may not change which model scores; data-scientist, admin may" in answer.text
    assert forbidden(door) == [(role, "promote model", "model 3")]


def test_what_the_gate_refuses_shows_its_reasons_and_is_done_with_an_override_and_a_reason(
    browse: Browse, told: ToldModels
) -> None:
    client = browse()
    refused = post(client, action="promote", version="3")
    assert refused.status_code == 409
    assert "<li>version 3 does not pass the gate: recall: 0.4, at least 0.5 is wanted</li>" in refused.text
    assert "<li>brier: 0.3, at most 0.2 is wanted</li>" in refused.text
    assert f'value="{REASON}"' in refused.text
    assert post(client, action="promote", version="3", override="yes", reason=" ").status_code == 400
    assert post(client, action="promote", version="3", override="yes").status_code == 303
    assert told.promotions[-1].version == "3"
    assert told.asked[-1] == (Wanted(reason=REASON, version="3", override=True, seen=3), "data-scientist")


def test_a_champion_is_rolled_back_once_however_often_the_form_is_sent(
    browse: Browse, told: ToldModels
) -> None:
    client = browse("admin")
    assert post(client, action="rollback").status_code == 303
    again = post(client, action="rollback")
    assert again.status_code == 409
    assert "meanwhile bob promoted" in again.text
    assert [p.version for p in told.promotions] == ["1", "2", "3", "1"]


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "promote", "version": "3", "token": ""},
        {"action": "delete", "version": "3"},
        {"action": "promote", "version": "../3"},
        {"action": "promote", "version": ""},
        {"action": "rollback", "version": "3"},
        {"action": "promote", "version": "3", "reason": "x" * 501},
        {"action": "promote", "version": "3", "seen": "x"},
        {"action": "promote", "version": "3", "seen": "9" * 5000},
    ],
)
def test_a_form_that_makes_no_sense_or_is_not_of_this_page_does_nothing(
    browse: Browse, told: ToldModels, fields: dict[str, str]
) -> None:
    assert post(browse(), **fields).status_code == (403 if "token" in fields else 400)
    assert told.asked == []


def test_a_page_that_only_shows_has_no_forms(browse: Browse) -> None:
    client = browse("admin", decide=None)
    assert "Promote to champion" not in client.get("/models").text


def test_programs_read_and_decide_with_the_same_rights(led: LedCases, door: Door, told: ToldModels) -> None:
    client = program(led, door, told, "data-scientist")
    found = client.get("/api/v1/models").json()
    assert (found["champion"], found["challenger"], len(found["promotions"])) == ("2", "3", 3)
    assert (found["compared"]["verdict"], found["retrainings"][0]["step"]) == ("better", "won")
    body = {"reason": REASON, "seen": 3}
    refused = client.post("/api/v1/models/3/promote", json=body)
    assert (refused.status_code, refused.json()["detail"]) == (409, OBJECTIONS)
    done = client.post("/api/v1/models/3/promote", json={**body, "override": True})
    assert (done.status_code, done.json()["version"], done.json()["role"]) == (200, "3", "champion")
    assert client.post("/api/v1/models/rollback", json=body).status_code == 409
    assert client.post("/api/v1/models/rollback", json={**body, "seen": 4}).json()["version"] == "1"
    assert client.post("/api/v1/models/2/shadow", json={**body, "seen": 5}).json()["role"] == "challenger"
    assert client.post("/api/v1/models/2/shadow", json={"seen": 6}).status_code == 400
    lead = program(led, door, told, "lead")
    assert lead.get("/api/v1/models").status_code == 200
    assert lead.post("/api/v1/models/2/promote", json=body).status_code == 403
    assert forbidden(door) == [("lead program", "promote model", "model 2")]


def test_programs_are_told_what_drifts_and_what_the_scores_of_each_week_were_worth(
    led: LedCases, door: Door, told: ToldModels
) -> None:
    led.store.add(drift_of_many())
    led.store.flush()
    found = program(led, door, told, "lead").get("/api/v1/models").json()
    season = found["drift"][0]
    answer = "retraining 1 (drift: 20 machines <changed>): now won, version 3"
    assert (season["cause"], season["times"], season["done"]) == ("season", 3, answer)
    assert season["last_ms"] - season["since_ms"] == 6 * DAY_MS
    assert [(w["foretold"], w["realised"], w["labels"]) for w in found["worth"]] == [
        (0.05, None, 0),
        (0.05, 0.0612, 80),
    ]


def test_a_version_that_is_none_is_refused_with_the_reason(
    led: LedCases, door: Door, told: ToldModels
) -> None:
    def decide(*_: Any) -> dict[str, Any]:
        raise ModelError("version 'x' of model toy: expected one of 1, 2, 3")

    client = program(led, door, told, "admin", decide=decide)
    answer = client.post("/api/v1/models/x/promote", json={"reason": "r", "seen": 3})
    assert (answer.status_code, "expected one of 1, 2, 3" in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize("place", ["promote", "shadow"])
def test_a_version_that_is_left_out_rolls_nothing_back(
    led: LedCases, door: Door, told: ToldModels, place: str
) -> None:
    client = program(led, door, told, "admin")
    answer = client.post(f"/api/v1/models//{place}", json={"reason": "r", "seen": 3})
    assert (answer.status_code, told.asked) == (404, [])


def test_promotions_that_cannot_be_read_are_said_and_the_rest_is_shown(browse: Browse) -> None:
    def damaged() -> Any:
        raise ModelError("promotions/00007.json: not a promotion: <cut off>")

    text = browse(promotions=damaged).get("/models").text
    assert "promotions/00007.json: not a promotion: &lt;cut off&gt;" in text
    assert "the challenger, version 3, is <strong>better</strong>" in text
