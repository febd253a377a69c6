"""The API, asked what its description allows and what not: it never fails, and answers as described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import sampled_from
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from models.event_time import DAY_MS
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.stores.sqlite import SqliteStore
from tests.support.case_store import DAY, LedCases, case_of
from tests.support.model_desks import ToldModels
from tests.support.page import FLEET, fill
from tests.support.people import BY, Hand, door_with

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


STOP = {"machine": "CH-0001", "from": "2026-01-03", "until": "2026-01-04"}
KNOWN = ("CH-0001", "CH-0002", case_of("CH-0001"), case_of("CH-0002"))


@dataclass(frozen=True)
class Served:
    """What is asked, and the headers of somebody who may do everything."""

    schema: Any
    headers: Mapping[str, str]
    client: TestClient

    def planned(self) -> str:
        """Enter a plan, and return its name; of a machine that has not as many ahead of it as it may."""
        stop = {**STOP, "machine": "CH-0002"}
        answer = self.client.post("/api/v1/plans", json=stop, headers=dict(self.headers))
        return str(answer.json().get("plan", "none"))

    def meet(self, case: Any, label: str, known: str) -> None:
        """Have a case ask of something that is there."""
        if case.path_parameters:
            name = self.planned() if "/plans/" in label else known
            case.path_parameters = dict.fromkeys(case.path_parameters, name)
        elif label == "POST /api/v1/plans":
            case.body = STOP


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = tmp_path_factory.mktemp("api")
    store = SqliteStore(folder / "store.db")
    fill(store)
    led = LedCases(store)
    led.begin()
    door = door_with(folder, Hand(), "viewer")
    work = CaseWork(led.ask, audit=door.audit, plan=led.plan)
    names = ("localhost", "testserver")
    told = ToldModels()
    models = told.backstage(decide=lambda wish, _: msgspec.to_builtins(told.promotions[-1]))
    app = create_app(store, FLEET, names, lambda: (DAY + 1) * DAY_MS, work, door, backstage=models)
    token = door.tokens.create("fuzz", "admin", 1, BY)
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    client = TestClient(app, base_url="http://localhost")
    return Served(schema, {"authorization": f"Bearer {token}"}, client)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_whatever_is_asked_it_never_fails_and_answers_as_described(
    served: Served, mode: GenerationMode
) -> None:
    """Every other time of something that is there."""
    answers: Counter[tuple[str, int]] = Counter()

    def ask(operation: Any) -> None:
        @given(operation.as_strategy(generation_mode=mode), sampled_from(("", *KNOWN)))
        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        def one(case: Any, known: str) -> None:
            if known:
                served.meet(case, operation.label, known)
            answer = case.call(headers=served.headers)
            answers[operation.label, answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        one()

    for found in served.schema.get_all_operations():
        ask(found.ok())
    statuses = {status for _, status in answers}
    assert 401 not in statuses
    if mode is GenerationMode.POSITIVE:
        done = {operation for operation, status in answers if status == 200}
        assert {operation for operation, _ in answers} - done == set()
        assert {404, 409} <= statuses
    else:
        assert {400, 404} <= statuses
