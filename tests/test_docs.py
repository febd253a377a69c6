"""What is not documented does not exist: commands, settings, fleet keys, measurements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer

from chillcast.cli import app
from chillcast.settings import PREFIX, Settings
from models import fleet
from streams.metrics import Families

ROOT = Path(__file__).parent.parent
TABLES = [
    fleet.Sensor,
    fleet.Sampling,
    fleet.Alerting,
    fleet.Training,
    fleet.Running,
    fleet.Expected,
    fleet.Advice,
    fleet.Rule,
    fleet.Recording,
    fleet.Column,
    fleet.EventRule,
    fleet.Fleet,
]


def text(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def commands_of(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name, those of groups too."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def test_every_command_and_option_is_documented() -> None:
    documented = text("commands.md")
    commands = list(commands_of(typer.main.get_command(app)))
    assert len(commands) >= 10
    for name, command in commands:
        assert f"| `{name}" in documented, name
        for parameter in command.params:
            for option in (o for o in parameter.opts if o.startswith("--")):
                assert f"`{option}`" in documented, f"{name} {option}"


def test_every_setting_is_documented_with_its_default() -> None:
    documented = text("settings.md")
    for name in Settings.__struct_fields__:
        default = getattr(Settings(), name)
        shown = f"`{default}`" if default != "" else ""
        assert f"| `{PREFIX}{name.upper()}` | {shown} |".replace("|  |", "| |") in documented, name


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.__name__)
def test_every_key_of_a_fleet_file_is_documented(table: type[msgspec.Struct]) -> None:
    documented = text("fleets.md")
    for name in table.__struct_fields__:
        assert re.search(rf"`{name}`", documented), f"{table.__name__}.{name}"


def test_every_measurement_is_documented() -> None:
    source = (ROOT / "streams" / "sink_stage.py").read_text(encoding="utf-8")
    written = set(re.findall(r'Point\(\s*"(\w+)"', source))
    assert written >= {"scores", "alerts", "explanations", "drift", "events"}
    for name in written:
        assert f"| `{name}` |" in text("stores.md"), name


def test_every_metric_is_documented_and_no_other() -> None:
    served = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in Families().registry.collect()
    }
    assert len(served) >= 10
    assert set(re.findall(r"^\| `(chillcast_\w+)`", text("operations.md"), re.MULTILINE)) == served


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
