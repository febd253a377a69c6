"""The API, asked what its description allows and what not: it never fails, and answers as described."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from models.event_time import DAY_MS
from streams.page.app import create_app
from streams.page.case_pages import CaseWork
from streams.stores.sqlite import SqliteStore
from tests.support.case_store import DAY, LedCases
from tests.support.page import FLEET, fill
from tests.support.people import BY, Hand, door_with

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The description of an API over cases, with a token of somebody who may do everything."""
    folder = tmp_path_factory.mktemp("api")
    store = SqliteStore(folder / "store.db")
    fill(store)
    led = LedCases(store)
    led.begin()
    door = door_with(folder, Hand(), "viewer")
    work = CaseWork(led.ask, audit=door.audit)
    names = ("localhost", "testserver")
    app = create_app(store, FLEET, names, lambda: (DAY + 1) * DAY_MS, work, door)
    token = door.tokens.create("fuzz", "admin", 1, BY)
    return schemathesis.openapi.from_asgi(
        "/api/v1/openapi.json", app, headers={"authorization": f"Bearer {token}"}
    )


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_whatever_is_asked_it_never_fails_and_answers_as_described(served: Any, mode: GenerationMode) -> None:
    asked = set()

    def ask(operation: Any) -> None:
        @given(operation.as_strategy(generation_mode=mode))
        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        def one(case: Any) -> None:
            asked.add(operation.label)
            case.call_and_validate(checks=CHECKS)

        one()

    for found in served.get_all_operations():
        ask(found.ok())
    assert len(asked) == 14 if mode is GenerationMode.POSITIVE else len(asked) >= 10
