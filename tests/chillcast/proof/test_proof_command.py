"""The command on fleets of ten machines: simulated, judged, and written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chillcast.cli.app import app
from tests.support.proof_plants import SHIPPED

FLEET = '[[{}]]\nscenario = "fouling-season"\nseed = {}\nassets = {}\ndays = {}\n\n'


def small(folder: Path, days: int = 60) -> Path:
    """Return a proof file of two small fleets, with the assumptions of the shipped one."""
    text = SHIPPED.read_text(encoding="utf-8")
    assumed = text[text.index("\n[assumptions]") :]
    fleets = FLEET.format("develop", 5, 24, days) + FLEET.format("judge", 6, 10, days)
    head = 'fleet = "chiller"\nstride_s = 86400\nreplicates = 2\nswept_replicates = 1\n'
    path = folder / "small.toml"
    path.write_text(head + fleets + assumed, encoding="utf-8")
    return path


def test_ten_machines_are_proved_on_from_the_simulation_to_the_page(tmp_path: Path) -> None:
    home = tmp_path / "home"
    arguments = ["prove", "--config", str(small(tmp_path)), "--home", str(home), "--processes", "1"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = json.loads((home / "proof.json").read_text(encoding="utf-8"))
    assert [(f["name"], f["machines"]) for f in found["judge"]] == [("fouling-season-6", 10)]
    assert [row["policy"] for row in found["policies"]][::2] == ["no alerts", "random", "chillcast"]
    assert found["policies"][0]["stops"]["value"] > 0
    assert "everything adverse at once" in done.output
    assert (home / "proof" / "proof.html").exists()


def test_fleets_that_are_too_short_are_refused_before_any_work(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["prove", "--config", str(small(tmp_path, 20)), "--home", str(tmp_path)])
    assert done.exit_code != 0
    assert "59 or more" in str(done.exception)


@pytest.mark.parametrize("name", ["no-such.toml"])
def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path, name: str) -> None:
    done = CliRunner().invoke(app, ["prove", "--config", name, "--home", str(tmp_path)])
    assert done.exit_code != 0
    assert name in str(done.exception)
