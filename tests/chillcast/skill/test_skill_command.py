"""The command: fleets of one's own, what it writes, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from chillcast.cli.app import app
from chillcast.skill import skill
from chillcast.skill.contenders import Contender
from chillcast.skill.oracle import oracle
from chillcast.skill.skill_config import SkillConfig, SkillFleet, check_fleets, load_skill_config
from chillcast.skill.survey import Survey
from models.errors import ConfigError
from models.fleet.fleet import Fleet, load_fleet

SHIPPED = Path("fleets/skill/portfolio.toml").read_text(encoding="utf-8")
MODES = SHIPPED[SHIPPED.index("[modes]") :]


def config_of(
    folder: Path, *, budgets: str = "[0.5]", days: int = 100, judge: str = "fouling-season"
) -> Path:
    path = folder / "small.toml"
    fleets = f"""
fleet = "chiller"
stride_s = 86400
budgets = {budgets}
[[develop]]
scenario = "fouling-season"
seed = 5
assets = 24
days = 60
[[judge]]
scenario = "fouling-season"
seed = 6
assets = 12
days = 60
"""
    path.write_text(fleets + MODES, encoding="utf-8")
    return path


def scenario_of(folder: Path, **changes: Any) -> Path:
    """Return a scenario file of one's own."""
    text = Path("fleets/scenarios/fouling-season.toml").read_text(encoding="utf-8")
    for key, value in {"assets": 10, "days": 60, **changes}.items():
        text = "\n".join(f"{key} = {value}" if li.startswith(f"{key} =") else li for li in text.splitlines())
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def quick(fleet: Fleet, develop: Survey, judge: Survey, seed: int) -> Contender:
    """Give the risks of the oracle, spread over the horizons: what the real model learns takes minutes."""
    found = oracle(fleet, develop, judge, seed)
    spread = np.array(fleet.horizons_d) / fleet.alerting.horizon_d
    curves = (found.develop.risk[:, None] * spread, found.judge.risk[:, None] * spread)
    return replace(found, name="model", curves=curves)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Judge on a quiet scenario of one's own: no fault, no shutdown."""
    folder = tmp_path_factory.mktemp("skill")
    mine = scenario_of(folder)
    quiet = mine.read_text(encoding="utf-8").partition("[faults]")
    mine.write_text(quiet[0] + "[faults]\n", encoding="utf-8")
    home = folder / "home"
    arguments = ["skill", str(mine), "--config", str(config_of(folder)), "--home", str(home)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skill, "model", quick)
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return home, done.output


def test_a_scenario_of_ones_own_without_any_shutdown_is_judged_by_its_alarms(
    judged: tuple[Path, str],
) -> None:
    home, output = judged
    assert "no shutdown in the fleets to judge on: only false alarms can be told" in output
    rows = json.loads((home / "skill.json").read_text())
    assert rows[0]["policy"] == "model"
    assert {r["shutdowns"] for r in rows} == {0}
    assert {r["recall_foreseeable"] for r in rows} == {None}
    assert all(r["sound_alarms"] == pytest.approx(r["false_alarms"]) for r in rows)


def test_the_rows_are_a_list_and_the_report_holds_all_else(judged: tuple[Path, str]) -> None:
    home, output = judged
    rows = json.loads((home / "skill.json").read_text())
    assert len(rows) == 6 * 2
    keys = set(rows[0])
    assert {"policy", "budget", "budget_of", "recall", "recall_foreseeable", "share_3d", "span_right"} <= keys
    report = json.loads((home / "skill" / "report.json").read_text())
    assert report["rows"] == rows
    assert [(f["name"], f["machines"]) for f in report["judge"]] == [("mine", 10)]
    assert [r["season"] for r in report["seasons"][:4]] == ["Jan–Mar", "Apr–Jun", "Jul–Sep", "Oct–Dec"]
    assert report["calibration"][0]["observed"] == 0.0
    assert {p["policy"] for p in report["trade_off"]} == {r["policy"] for r in rows}
    assert "by season" in output
    assert (home / "skill" / "report.png").read_bytes()[:4] == b"\x89PNG"


def test_the_page_needs_nothing_else(judged: tuple[Path, str]) -> None:
    page = (judged[0] / "skill" / "report.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in page
    assert "http" not in page.replace("http-equiv", "")
    assert "{{" not in page


def refusal_of(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["skill", *arguments])
    assert done.exit_code != 0
    return str(done.exception) + done.output


@pytest.mark.parametrize("name", ["arctic", "no-such-folder/arctic.toml"])
def test_a_scenario_that_is_not_there_is_refused_before_any_work(name: str, tmp_path: Path) -> None:
    assert "arctic" in refusal_of(name, "--config", str(config_of(tmp_path)), "--home", str(tmp_path))


@pytest.mark.parametrize("budgets", ["[0.0]", "[-1.0]", "[0.5, 1000.0]", "[]"])
def test_a_budget_out_of_range_is_refused_by_its_key(tmp_path: Path, budgets: str) -> None:
    with pytest.raises(ConfigError, match="budgets"):
        load_skill_config(config_of(tmp_path, budgets=budgets))


def checked(*judge: SkillFleet) -> SkillConfig:
    config = load_skill_config(Path("fleets/skill/portfolio.toml"))
    return SkillConfig(fleet="chiller", develop=config.develop, judge=judge, modes={})


def test_a_fleet_in_which_no_case_can_end_is_refused() -> None:
    short = SkillFleet(scenario="demo", days=58)
    with pytest.raises(ConfigError, match=r"days.*58.*59 or more"):
        check_fleets(checked(short), load_fleet(Path("fleets/chiller.toml")))


@pytest.mark.parametrize(
    ("stride_s", "expected"),
    [
        (5000, "a multiple of sampling.hop_s = 3600"),
        (25_200, "a divisor or a multiple of alerting.every_s = 21600"),
    ],
)
def test_a_stride_beside_the_windows_or_the_alerting_is_refused(stride_s: int, expected: str) -> None:
    config = replace(checked(SkillFleet(scenario="demo")), stride_s=stride_s)
    with pytest.raises(ConfigError, match=f"stride_s = {stride_s}: expected {expected}"):
        check_fleets(config, load_fleet(Path("fleets/chiller.toml")))


def test_the_same_fleet_twice_is_refused() -> None:
    twice = SkillFleet(scenario="demo"), SkillFleet(scenario="demo", noise=2.0)
    with pytest.raises(ConfigError, match="demo"):
        check_fleets(checked(*twice), load_fleet(Path("fleets/chiller.toml")))


def test_a_fleet_that_thresholds_are_learnt_on_is_not_judged_on_whatever_it_is_called(tmp_path: Path) -> None:
    """A copy of its file, its seed by default or not, fewer machines, other days: all the same fleet."""
    develop, copied = checked(SkillFleet(scenario="demo")).develop[0], tmp_path / "other.toml"
    copied.write_bytes(Path(f"fleets/scenarios/{develop.scenario}.toml").read_bytes())
    same = SkillFleet(scenario=str(copied), seed=develop.load().seed, assets=9, days=420)
    with pytest.raises(ConfigError, match=r"judge\[0\]\.seed.*a seed that is not in develop"):
        check_fleets(checked(same), load_fleet(Path("fleets/chiller.toml")))
