"""The shape of a table: which keys it has, and what each of them expects, in words."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

Path = tuple[str | int, ...]
Shape = dict[str, Any]

_LIMITS = {
    "exclusiveMinimum": "above",
    "minimum": "at least",
    "exclusiveMaximum": "below",
    "maximum": "at most",
}
_LENGTHS = {"minItems": "at least", "maxItems": "at most"}
_PLAIN = {"boolean": "true or false", "object": "a table", "integer": "a whole number", "number": "a number"}


@functools.cache
def shape_of(kind: Any) -> Shape:
    """Return the JSON schema of a table, or of any type that pydantic checks, without references."""
    schema = TypeAdapter(kind).json_schema()
    found: Shape = _expanded(schema, schema.get("$defs", {}))
    return found


def follow(shape: Shape, place: Sequence[str | int]) -> tuple[Path, Shape]:
    """Return the keys and indices of a place as pydantic names it, and the shape of what is expected there.

    An unknown key ends its path; the shape is then that of the table around it. What pydantic says beside
    keys, which of several types it had tried, is left out.
    """
    path: Path = ()
    for i, step in enumerate(place):
        if place[i + 1 :] == ("[key]",):
            return (*path, step), shape["propertyNames"]
        below = _below(shape, step)
        if below is None:
            return ((*path, step) if "properties" in shape else path), shape
        path, shape = (*path, step), below
    return path, shape


def words(shape: Shape) -> str:
    """Return what a value is expected to be, for a person.

    >>> words(shape_of(tuple[float, ...]))
    'a list, each a number'
    """
    kind = shape.get("type")
    if "expected" in shape:
        return str(shape["expected"])
    if "anyOf" in shape:
        return " or ".join(words(other) for other in shape["anyOf"])
    if kind == "array":
        lengths = _bounds(shape, _LENGTHS)
        return f"a list{lengths and f' of{lengths}'}, each {words(shape['items'])}"
    return (
        _text(shape) if kind == "string" else f"{_PLAIN.get(str(kind), 'a value')}{_bounds(shape, _LIMITS)}"
    )


def _expanded(node: Any, definitions: Shape) -> Any:
    """Return a schema with what it refers to in the place of references, and what may be null as if not."""
    if isinstance(node, list):
        return [_expanded(inner, definitions) for inner in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = {**definitions[node["$ref"].rpartition("/")[2]], **node}
    out = {key: _expanded(inner, definitions) for key, inner in node.items() if key not in ("$ref", "$defs")}
    others = [other for other in out.get("anyOf", ()) if other.get("type") != "null"]
    return {**others[0], **{k: v for k, v in out.items() if k != "anyOf"}} if len(others) == 1 else out


def _below(shape: Shape, step: str | int) -> Shape | None:
    """Return the shape of a key's or an element's value; None for what there is not."""
    if isinstance(step, int):
        found = shape.get("items")
    elif "properties" in shape:
        found = shape["properties"].get(step)
    else:
        found = next(iter(shape.get("patternProperties", {}).values()), shape.get("additionalProperties"))
    return found or None


def _text(shape: Shape) -> str:
    if "enum" in shape:
        return f"one of {', '.join(shape['enum'])}"
    if shape.get("format") == "date":
        return "a date, as 2025-06-01"
    return f"a text that matches {shape['pattern']}" if "pattern" in shape else "a text"


def _bounds(shape: Shape, names: dict[str, str]) -> str:
    return " and".join(f" {word} {shape[name]}" for name, word in names.items() if name in shape)
