"""The description of the API (OpenAPI 3.1), made of the operations and types by which it is served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from streams.page.operations import Operation
from streams.page.problems import API, MEDIA_TYPE, Problem

_AT = "#/components/schemas/{name}"
_ABOUT = (
    "Cases, machines and the fleet. Show a token, which `chillcast tokens create` makes, as bearer, or the "
    "session of a browser. A change that has an `Idempotency-Key` is made once, however often it is sent. "
    "Who asks too often is told so (429), and in `Retry-After` when to ask again."
)

_SECONDS = {"description": "When to ask again", "schema": {"type": "integer", "minimum": 1}}
_LATER = {status: {"headers": {"Retry-After": _SECONDS}} for status in (429, 503)}


def describe(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    """Return the description of these operations."""
    types = _types(operations)
    shapes, components = msgspec.json.schema_components(types, ref_template=_AT)
    of_type = dict(zip(types, shapes, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        where = paths.setdefault(API.rstrip("/") + operation.path, {})
        where[operation.method.lower()] = _operation(operation, of_type, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "chillcast", "version": version, "description": _ABOUT},
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "chillcast_session"},
            },
        },
    }


def _types(operations: Iterable[Operation]) -> list[type]:
    found = (kind for o in operations for kind in (o.answer, o.query, o.body) if kind is not None)
    return list(dict.fromkeys([Problem, *found]))


def _operation(
    operation: Operation, of_type: Mapping[type, Any], components: Mapping[str, Any]
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": list(_parameters(operation, components)),
        "responses": _responses(operation, of_type),
    }
    if operation.body is not None:
        said["requestBody"] = {
            "required": True,
            "content": _content("application/json", of_type[operation.body]),
        }
    return said


def _parameters(operation: Operation, components: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    if operation.place:
        text = {"type": "string", "minLength": 1}
        yield {"name": operation.place, "in": "path", "required": True, "schema": text}
    if operation.query is not None:
        for name, shape in components[operation.query.__name__]["properties"].items():
            yield {"name": name, "in": "query", "required": False, "schema": shape}
    if operation.body is not None:
        text = {"type": "string", "maxLength": 128}
        yield {"name": "Idempotency-Key", "in": "header", "required": False, "schema": text}


def _responses(operation: Operation, of_type: Mapping[type, Any]) -> dict[str, Any]:
    done = {"description": "As asked", "content": _content("application/json", of_type[operation.answer])}
    content = _content(MEDIA_TYPE, of_type[Problem])
    return {"200": done} | {
        str(status): {"description": why, "content": content, **_LATER.get(status, {})}
        for status, why in operation.statuses.items()
    }


def _content(media_type: str, shape: Any) -> dict[str, Any]:
    return {media_type: {"schema": shape}}
