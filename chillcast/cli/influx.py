"""`chillcast influx …`: what InfluxDB needs before anything is written to it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from chillcast.cli.options import AsJson, show
from chillcast.settings import read_settings
from models.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="InfluxDB: buckets, tokens and summaries.")


@app.command("setup")
def setup(
    *,
    keep: Annotated[int, typer.Option(min=0, help="Days that points are kept; 0 is for ever.")] = 0,
    keep_daily: Annotated[int, typer.Option(min=0, help="Days that daily summaries are kept.")] = 0,
    out: Annotated[Path | None, typer.Option(help="New file for the tokens, as in an .env file.")] = None,
    json: AsJson = False,
) -> None:
    """Make buckets, a task that summarises days, and tokens to write and to read; keep what is there."""
    from streams.stores.influx_setup import InfluxSetup, Retention  # noqa: PLC0415

    settings = read_settings()
    if not settings.influx_url:
        raise settings.wrong("influx_url", "the address of InfluxDB 2")
    if out is not None and out.exists():
        raise ConfigError("command line", "--out", str(out), "a file that is not there yet")
    token, org = settings.influx_admin_token.get_secret_value(), settings.influx_org
    with closing(InfluxSetup(settings.influx_url, token, org, settings.influx_bucket)) as server:
        found = server.run(Retention(keep, keep_daily))
    if out is not None:
        out.touch(mode=0o600)
        out.write_text("".join(f"INFLUX_{n.upper()}_TOKEN={t}\n" for n, t in found.tokens.items()), "utf-8")
    rows = [{"what": step.what, "name": step.name, "done": step.done} for step in found.steps]
    show({"steps": rows, "tokens": str(out) if out else "not shown: name a file with --out"}, json=json)
