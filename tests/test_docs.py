"""What is not documented does not exist: commands, settings, fleet keys, measurements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from prometheus_client import Counter, Gauge, Histogram

from chillcast.cli.app import app
from scripts import key_tables
from streams.worker.metrics import Families

ROOT = Path(__file__).parent.parent


def text(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def commands_of(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name, those of groups too."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def test_every_option_stands_in_the_row_of_its_command_and_no_other_does() -> None:
    documented = text("commands.md")
    (common,) = re.findall(r"^Common options: (.*?)\n\n", documented, re.M | re.S)
    shared = options_in(common)
    commands = dict(commands_of(typer.main.get_command(app)))
    rows = {name: row for name in commands for row in rows_of(documented, name)}
    assert commands.keys() == rows.keys()
    for name, command in commands.items():
        options = {o for p in command.params for o in p.opts if o.startswith("--")}
        assert options - options_in(rows[name]) - shared == set(), name
        assert options_in(rows[name].replace("`replay --train-until`", "")) - options == set(), name


def rows_of(documented: str, name: str) -> list[str]:
    """Return the rows of the table that are about a command."""
    return re.findall(rf"^\| `{re.escape(name)}(?: [A-Z\[][^`]*)?` \|.*$", documented, re.M)


def options_in(documented: str) -> set[str]:
    return set(re.findall(r"(?<!-)--[a-z][a-z-]*", documented))


def test_only_commands_have_rows() -> None:
    known = {name for name, _ in commands_of(typer.main.get_command(app))}
    table = text("commands.md").partition("\n| command |")[2].partition("\n\n")[0]
    said = {" ".join(re.findall(r"[a-z-]+", row)) for row in re.findall(r"^\| `([^`A-Z\[]+)", table, re.M)}
    assert said == known


@pytest.mark.parametrize("name", key_tables.DOCUMENTS)
def test_every_setting_and_key_is_documented_as_the_code_has_it(name: str) -> None:
    """`make keys` writes the tables."""
    documented = text(name)
    assert key_tables.filled(documented) == documented


@pytest.mark.parametrize("name", key_tables.DOCUMENTS)
def test_every_setting_and_key_says_what_it_means(name: str) -> None:
    tables = re.findall(r"<!-- keys of \w+ -->\n(.*?)<!-- end -->", text(name), re.S)
    rows = [row for table in tables for row in table.splitlines()[2:]]
    assert len(rows) >= 15
    assert [row for row in rows if row.endswith("| |")] == []


def test_every_metric_is_documented_with_its_labels_and_no_other() -> None:
    served = {
        metric.name + ("_total" if metric.type == "counter" else ""): set(family._labelnames)
        for family in vars(Families()).values()
        if isinstance(family, (Counter, Gauge, Histogram))
        for metric in family.collect()
    }
    assert len(served) >= 10
    said = re.findall(r"^\| `(chillcast_\w+)` \| ([^|]*) \|", text("operations.md"), re.M)
    assert {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in said} == served


DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda p: p.stem[:4])
def test_every_decision_says_whether_it_holds(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert page.startswith(f"# {int(path.stem[:4])}. ")
    found = re.search(r"\A# .*\n\nStatus: (?:accepted|(?:accepted; in part )?superseded by (\d+))\n\n", page)
    assert found, page[:200]
    if found[1]:
        (successor,) = (p for p in DECISIONS if int(p.stem[:4]) == int(found[1]))
        assert f"decision {int(path.stem[:4])}" in successor.read_text(encoding="utf-8")


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_example_in_the_readme_is_short_and_compiles() -> None:
    (example,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert len(example.splitlines()) <= 25
    compile(example, "README.md", "exec")
