"""A selection as SQL: what is asked by value is bound, never written into it."""

from __future__ import annotations

from streams.stores.selection import ASSET, TAGS, TIME, Condition, Selection

INDEX = """
CREATE INDEX IF NOT EXISTS case_order
ON points (json_extract(fields, '$.open'), json_extract(fields, '$.rank')) WHERE measurement = 'cases';
CREATE INDEX IF NOT EXISTS drift_time ON points (time_ms) WHERE measurement = 'drift';
CREATE INDEX IF NOT EXISTS delivery_time ON points (time_ms) WHERE measurement = 'deliveries';
CREATE INDEX IF NOT EXISTS record_time ON points (time_ms) WHERE measurement = 'record';
CREATE INDEX IF NOT EXISTS event_time ON points (time_ms) WHERE measurement = 'events';
"""
"""By them the open cases are read in their order, and what was told lately without all that was before."""
_TESTS = {
    "=": "{0} = ?",
    "!=": "{0} != ?",
    "<=": "{0} <= ?",
    ">": "{0} > ?",
    "has": "instr({0}, ?) > 0",
    "of": "{0} IN (SELECT value FROM json_each(?))",
}
_EVERY = "FROM points p WHERE measurement = '{0}'"
_NEWEST = """ AND NOT EXISTS (
    SELECT 1 FROM points q WHERE q.measurement = '{0}' AND q.series = p.series AND q.time_ms > p.time_ms
)"""


def select_rows(selection: Selection) -> str:
    """Return the query of a part of the rows: it takes the values, how many, and from where."""
    direction = "DESC" if selection.descending else "ASC"
    order = f"ORDER BY {_expression(selection.by)} {direction}, asset {direction} LIMIT ? OFFSET ?"
    return f"SELECT time_ms, series, fields {_those(selection)} {order}"


def count_rows(selection: Selection) -> str:
    """Return the query of how many there are: it takes the values."""
    return f"SELECT count(*) {_those(selection)}"


def stamp_of(measurement: str) -> str:
    """Return the query of how many rows a measurement has, and the sum of their revisions."""
    of = f"FROM points WHERE measurement = '{measurement}'"
    return f"SELECT count(*), total(json_extract(fields, '$.revision')) {of}"


def _those(selection: Selection) -> str:
    wanted = "".join(f" AND {_condition(condition)}" for condition in selection.conditions)
    rows = _EVERY if selection.every else _EVERY + _NEWEST
    return rows.format(selection.measurement) + wanted


def _condition(condition: Condition) -> str:
    return _TESTS[condition.test].format(_expression(condition.name))


def _expression(name: str) -> str:
    if name in (ASSET, TIME):
        return name
    field = f"json_extract(fields, '$.{name}')"
    # what is a tag of one measurement is a field of another
    return f"coalesce(json_extract(series, '$.{name}'), {field})" if name in TAGS else field
