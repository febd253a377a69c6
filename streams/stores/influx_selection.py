"""A selection as Flux: what is asked by value is a parameter, never written into it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from streams.stores.selection import TIME, Condition, Selection

FOUND, ROWS = "found", "rows"
_TESTS = {
    "=": "r.{0} == {1}",
    "!=": "r.{0} != {1}",
    "<=": "r.{0} <= {1}",
    ">": "r.{0} > {1}",
    "has": "strings.containsStr(v: r.{0}, substr: {1})",
    "of": "contains(value: r.{0}, set: {1})",
}
_SELECT = """
import "strings"
rows = from(bucket: bucket) |> range(start: 1970-01-01T00:00:00Z, stop: stop)
|> filter(fn: (r) => r._measurement == measurement){3}
|> drop(columns: ["_start", "_stop"])
|> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
|> group(){0}{4}
rows |> keep(columns: ["asset"]) |> count(column: "asset") |> yield(name: "found")
rows |> sort(columns: ["{1}", "asset"], desc: {2}) |> limit(n: most, offset: start) |> yield(name: "rows")
"""
# Rows are counted, and ordered, by that column, which is not there if none of them has it.
_NOT_OF_ASSETS = frozenset(("deliveries", "drift"))  # or not all rows: a column that is missing is an error
_NO_ASSET = '\n|> map(fn: (r) => ({r with asset: if exists r.asset then r.asset else ""}))'
STAMP = """
from(bucket: bucket) |> range(start: 1970-01-01T00:00:00Z, stop: stop)
|> filter(fn: (r) => r._measurement == measurement and r._field == "revision")
|> keep(columns: ["_time", "_value"]) |> group()
|> reduce(identity: {n: 0, total: 0.0}, fn: (r, accumulator) =>
    ({n: accumulator.n + 1, total: accumulator.total + r._value}))
"""


def select_rows(selection: Selection) -> str:
    """Return the query of the rows and of how many there are; it takes what `parameters` returns."""
    wanted = "".join(f"\n|> filter(fn: (r) => {_filter(c, i)})" for i, c in enumerate(selection.conditions))
    by = _column(selection.by)
    newest = "" if selection.every else " |> last()"
    nobody = _NO_ASSET if selection.measurement in _NOT_OF_ASSETS else ""
    return _SELECT.format(wanted, by, "true" if selection.descending else "false", newest, nobody)


def parameters(selection: Selection) -> dict[str, Any]:
    """Return the values of a selection by the names of the query."""
    asked = {f"v{i}": _given(condition) for i, condition in enumerate(selection.conditions)}
    return {
        "measurement": selection.measurement,
        "start": selection.start,
        "most": selection.most,
        **asked,
    }


def _filter(condition: Condition, number: int) -> str:
    if condition.is_of_nobody:
        return f"not exists r.{condition.name}"
    column = _column(condition.name)
    return f"exists r.{column} and {_condition(condition, number)}"


def _condition(condition: Condition, number: int) -> str:
    return _TESTS[condition.test].format(_column(condition.name), f"v{number}")


def _column(name: str) -> str:
    return "_time" if name == TIME else name


def _given(condition: Condition) -> Any:
    value = condition.value
    if condition.name == TIME and isinstance(value, float):
        return datetime.fromtimestamp(value / 1000, UTC)
    return value if isinstance(value, str | float) else [*value]
