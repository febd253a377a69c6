"""`chillcast audit`: who did what, from where, and what came of it."""

from __future__ import annotations

from typing import Annotated

import typer

from chillcast.cli.options import AsJson, Home, show_rows
from chillcast.resources import Resources
from models.errors import ConfigError, StateError
from streams.access.record_query import KINDS, RecordQuery


def audit(
    words: Annotated[str, typer.Argument(help="Words of who, what, or what about.")] = "",
    *,
    since: Annotated[str | None, typer.Option(help="Date or time (UTC) to begin at.")] = None,
    until: Annotated[str | None, typer.Option(help="Date or time (UTC) to end before.")] = None,
    kind: Annotated[str, typer.Option(help=f"Of one kind: {', '.join(KINDS)}.")] = "",
    fleet: Annotated[str, typer.Option(help="Of the models and retrainings of one fleet.")] = "",
    who: Annotated[str, typer.Option(help="Of one person or program, by the whole name.")] = "",
    most: Annotated[int, typer.Option(help="Lines at most.", min=1)] = 1000,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """List the record of changes, the newest first; say so if it is not as it was written."""
    from chillcast.training.datasets import parse_date  # noqa: PLC0415
    from models.telemetry.samples import utc  # noqa: PLC0415

    record = Resources.open(home=home).audit
    kinds = {str(one): one for one in KINDS}
    if kind and kind not in kinds:
        raise ConfigError("command line", "--kind", kind, f"one of {', '.join(KINDS)}")
    query = RecordQuery(
        kind=kinds.get(kind, ""),
        fleet=fleet,
        who=who,
        words=words,
        since_ms=parse_date(since, "--since") if since else 0,
        until_ms=parse_date(until, "--until") if until else 0,
        most=most,
    )
    _, lines = record.find(query)
    rows = [
        {
            "when": utc(line.time_ms),
            **{key: getattr(line, key) or None for key in ("who", "role", "via", "address")},
            **{key: getattr(line, key) or None for key in ("action", "about", "result", "detail")},
        }
        for line in lines
    ]
    broken = record.broken()
    if broken:
        raise StateError(f"{record.database.path}: line {broken} of the record is not as it was written")
    show_rows(rows, json=json)
