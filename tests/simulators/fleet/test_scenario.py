"""A scenario file is read whole or refused by file, key and value; its manual leaves nothing out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.errors import ConfigError
from models.telemetry.samples import utc
from simulators.chiller.alerts import WARNING_CODES
from simulators.chiller.controller import LIMITS
from simulators.chiller.faults import KINDS, SUDDEN
from simulators.chiller.machines import MODELS
from simulators.fleet.scenario import load_scenario, parse_scenario

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "fleets" / "scenarios").glob("*.toml"))
TEMPERATE = {"name": "mild", "wet_bulb_mean_c": 12.0, "season_k": 8.0, "day_k": 1.5, "weather_k": 2.5}
GOOD: dict[str, Any] = {
    "name": "small",
    "assets": 2,
    "days": 3,
    "start": "2025-06-01",
    "seed": 1,
    "period_s": 900,
    "climates": [TEMPERATE],
    "faults": {"leak": 0.5},
}


@pytest.mark.parametrize("path", FILES, ids=[p.stem for p in FILES])
def test_every_shipped_scenario_is_valid_and_named_after_its_file(path: Path) -> None:
    assert load_scenario(path).name == path.stem


def test_the_demo_is_a_year_of_a_hundred_chillers() -> None:
    demo = load_scenario(ROOT / "fleets" / "scenarios" / "demo.toml")
    assert (demo.assets, demo.days, demo.start.isoformat()) == (100, 365, "2024-08-15")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"assets": 0}, "small.toml: assets = 0: expected a whole number above 0"),
        ({"start": "June"}, "small.toml: start = 'June'"),
        ({"period_s": 7000}, "small.toml: period_s = 7000: expected a divisor of 86400"),
        (
            {"dirt": {"late": 0.9}},
            "small.toml: dirt.late = 0.9: expected a number at least 0",
        ),
        ({"dirt": {"rust": 1}}, "small.toml: dirt.rust is not known: known are missing_samples"),
        ({"days": None}, "small.toml: days = None: expected a whole number above 0"),
        ({"colour": "red"}, "small.toml: colour is not known: known are name"),
        (
            {"faults": {"lightning": 1.0}},
            "small.toml: faults.lightning = 1.0: expected a kind of fault: fouling",
        ),
        ({"faults": {"leak": -1.0}}, "small.toml: faults"),
        (
            {"maintenance": {"service_from_day": 9, "service_until_day": 9}},
            "small.toml: maintenance.service_until_day = 9: expected above service_from_day = 9",
        ),
        ({"maintenance": {"repair_median_h": 0.0}}, "small.toml: maintenance.repair_median_h = 0.0"),
        (
            {"climates": [{**TEMPERATE, "day_k": -1.0}]},
            "small.toml: climates[0].day_k = -1.0: expected a number at least 0",
        ),
        (
            {"climates": [{"name": "mild"}]},
            "small.toml: climates[0].wet_bulb_mean_c is missing: expected a number",
        ),
        ({"climates": []}, "small.toml: climates = []: expected a list of at least 1, each a table"),
        (
            {"climates": [{**TEMPERATE, "share": 0.0}]},
            "small.toml: climates[0].share = 0.0: expected a number above 0",
        ),
        (
            {"climates": [TEMPERATE, TEMPERATE]},
            "small.toml: climates[1].name = 'mild': expected a name that no other climate has",
        ),
    ],
)
def test_a_bad_value_is_refused_by_file_key_and_value(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_scenario({**GOOD, **change}, "small.toml")
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("text", ["assets = ", None, b"\xff"])
def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, text: str | bytes | None) -> None:
    path = tmp_path / "broken.toml"
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError, match=r"broken\.toml: file"):
        load_scenario(path)


def test_a_variant_keeps_everything_else() -> None:
    scenario = parse_scenario(GOOD, "small.toml")
    variant = replace(scenario, assets=5, seed=9)
    assert (variant.assets, variant.seed, variant.climates) == (5, 9, scenario.climates)


def test_the_manual_says_what_every_shipped_scenario_is_for_and_what_came_of_it() -> None:
    manual = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
    assert {path.stem: manual.count(f"\n| `{path.stem}` |") for path in FILES} == dict.fromkeys(
        (path.stem for path in FILES), 2
    )


def test_a_scenario_lasts_from_its_first_midnight_to_its_last() -> None:
    start_ms, end_ms = parse_scenario(GOOD, "small.toml").range_ms
    assert (utc(start_ms), utc(end_ms)) == ("2025-06-01 00:00", "2025-06-04 00:00")


def test_the_manual_names_every_fault_code_and_model() -> None:
    manual = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
    words = [
        *KINDS,
        *WARNING_CODES,
        *(x.code for x in LIMITS),
        *(s.code for s in SUDDEN),
        *(m.name for m in MODELS),
    ]
    assert [w for w in words if f"`{w}`" not in manual] == []
