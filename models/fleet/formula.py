"""Formulas over sensors: what a derived point is, as arithmetic in the fleet file."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

CONSTANT, SENSOR, ADD, SUBTRACT, MULTIPLY, DIVIDE, NEGATE, LEAST, GREATEST, SIZE = range(10)
_BINARY = {ast.Add: ADD, ast.Sub: SUBTRACT, ast.Mult: MULTIPLY, ast.Div: DIVIDE}
_CALLS = {"min": LEAST, "max": GREATEST}
ALLOWED = "sensors, numbers, + - * / ( ), min(…), max(…) and abs(…)"
MOST_STEPS = 64


class Step(NamedTuple):
    """One step of a stack machine: an operation with the name of its sensor, or its number."""

    operation: int
    sensor: str = ""
    number: float = 0.0


def parse_formula(text: str) -> tuple[Step, ...]:
    """Return the steps of a formula; ValueError says what is wrong with it.

    >>> [step.operation for step in parse_formula("oil - 2 * evap")]
    [1, 0, 1, 4, 3]
    """
    try:
        steps = tuple(_steps(ast.parse(text.strip(), mode="eval").body))
    except (SyntaxError, RecursionError, MemoryError, OverflowError) as error:
        raise ValueError(f"arithmetic of {ALLOWED}") from error
    if not any(step.operation == SENSOR for step in steps):
        raise ValueError("a formula over at least one sensor")
    if not all(math.isfinite(step.number) for step in steps):
        raise ValueError("finite numbers")
    if len(steps) > MOST_STEPS:
        raise ValueError(f"at most {MOST_STEPS} steps, not {len(steps)}")
    return steps


def sensors_of(text: str) -> list[str]:
    """Return the names of the sensors that a formula uses, each once."""
    return list(dict.fromkeys(step.sensor for step in parse_formula(text) if step.operation == SENSOR))


def unit_of(text: str, units: Mapping[str, str]) -> str | None:
    """Return the unit of a formula over sensors with the given units; None if it cannot be told.

    A difference of two temperatures is in K, which adds to either. ValueError names two units that do not
    add up.

    >>> unit_of("hot - cold", {"hot": "degC", "cold": "degC"})
    'K'
    """
    stack: list[str | None] = []
    for operation, sensor, _ in parse_formula(text):
        if operation in (CONSTANT, SENSOR):
            stack.append(None if operation == CONSTANT else units[sensor])
        elif operation not in (NEGATE, SIZE):
            right, left = stack.pop(), stack.pop()
            stack.append(
                _product(left, right) if operation in (MULTIPLY, DIVIDE) else _sum(operation, left, right)
            )
    return stack[0] or None


def _product(left: str | None, right: str | None) -> str | None:
    """Return the unit of a product: known if one of the two is a plain number; empty if nobody can tell."""
    return "" if left and right else left or right


def _sum(operation: int, left: str | None, right: str | None) -> str | None:
    if not left or not right:
        return left or right
    if {left, right} == {"degC", "K"}:
        return "degC"
    if left != right:
        raise ValueError(f"terms of one unit, not {left} and {right}")
    return "K" if operation == SUBTRACT and left == "degC" else left


def _steps(node: ast.expr) -> Iterator[Step]:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield Step(CONSTANT, number=float(node.value))  # type: ignore[arg-type]
    elif isinstance(node, ast.Name):
        yield Step(SENSOR, node.id)
    elif isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        yield from _steps(node.left)
        yield from _steps(node.right)
        yield Step(_BINARY[type(node.op)])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield from _steps(node.operand)
        yield Step(NEGATE)
    else:
        yield from _call(node)


def _call(node: ast.expr) -> Iterator[Step]:
    name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
    if not isinstance(node, ast.Call) or node.keywords or not node.args or name not in (*_CALLS, "abs"):
        raise ValueError(f"arithmetic of {ALLOWED}")
    if name == "abs" and len(node.args) != 1:
        raise ValueError("abs(…) of one term")
    for i, argument in enumerate(node.args):
        yield from _steps(argument)
        if i and name in _CALLS:
            yield Step(_CALLS[name])
    if name == "abs":
        yield Step(SIZE)
