"""`chillcast audit`: who did what, from where, and what came of it."""

from __future__ import annotations

from typing import Annotated

import typer

from chillcast.cli.options import AsJson, Home, show_rows
from chillcast.resources import Resources
from models.errors import StateError


def audit(
    words: Annotated[str, typer.Argument(help="Words of who, what, or what about.")] = "",
    *,
    since: Annotated[str | None, typer.Option(help="Date or time (UTC) to begin at.")] = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """List the record of changes, the newest first; say so if it is not as it was written."""
    from chillcast.training.datasets import parse_date  # noqa: PLC0415
    from models.telemetry.samples import utc  # noqa: PLC0415

    record = Resources.open(home=home).audit
    lines = record.read(parse_date(since, "--since") if since else 0, words)
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
