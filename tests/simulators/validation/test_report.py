"""The simulator's report says what the model and the truth say."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from models.event_time import DAY_MS
from models.fleet.fleet import load_fleet
from simulators.chiller.machines import MODELS
from simulators.truth import FaultRecord, ShutdownRecord
from simulators.validation import report
from simulators.validation.laboratory import REGRESSION, SIGNS

ROOT = Path(__file__).parents[3]
SHUTDOWNS = [
    ShutdownRecord("CH-0001", 10 * DAY_MS, "flow-switch", "strainer", False),
    ShutdownRecord("CH-0002", 20 * DAY_MS, "flow-switch", "", True),
    ShutdownRecord("CH-0002", 30 * DAY_MS, "surge", "", False),
]
FAULTS = [
    FaultRecord("CH-0001", "strainer", 1 * DAY_MS, 2 * DAY_MS, "found"),
    FaultRecord("CH-0001", "strainer", 4 * DAY_MS, 10 * DAY_MS, "repair"),
    FaultRecord("CH-0001", "strainer", 12 * DAY_MS),
]


def test_base_rates_are_per_code_with_the_share_that_had_a_precursor() -> None:
    lines = report.base_rates(SHUTDOWNS, asset_years=4.0).splitlines()
    assert lines[2:] == [
        "| `flow-switch` | 2 | 0.50 | 50 % |",
        "| `surge` | 1 | 0.25 | 0 % |",
        "| all | 3 | 0.75 | 33 % |",
    ]


def test_a_cause_took_as_long_as_its_last_fault_was_under_way() -> None:
    lines = report.causes(SHUTDOWNS, FAULTS).splitlines()
    assert lines[2] == "| `strainer` | 1 | 3 | 6 |"
    assert {line.split(" | ")[0] for line in lines[3:]} == {"| `sudden: flow-switch`", "| `none found`"}


def test_every_sign_penalty_and_model_has_its_row() -> None:
    for text, rows in ((report.signs(), SIGNS), (report.penalties(), REGRESSION), (report.design(), MODELS)):
        assert len(text.splitlines()) == len(rows) + 2


def test_distributions_pair_the_readings_that_both_fleets_publish() -> None:
    ours, theirs = (load_fleet(ROOT / "fleets" / f"{name}.toml") for name in ("chiller", "monash"))
    values = np.tile(np.arange(len(ours.keys), dtype=np.float32), (3, 1))
    real = np.tile(np.arange(len(theirs.keys), dtype=np.float32), (3, 1))
    line = report.distributions(values, ours, real, theirs).splitlines()[-2]
    a, b = float(ours.keys.index("winding_temp_a")), float(theirs.keys.index("winding_temp"))
    assert line == f"| `winding_temp_a` | degC | {a} / {a} / {a} | {b} / {b} / {b} |"


def test_an_hour_without_a_reading_has_no_mean() -> None:
    means = report.by_hour(np.array([1.0, 3.0, np.nan], np.float32), [0, 0, 5])
    assert means[0] == pytest.approx(2.0)
    assert np.isnan(means[5])


def test_without_the_real_chillers_the_report_says_so_in_one_line(tmp_path: Path) -> None:
    compared = runpy.run_path(str(ROOT / "scripts" / "simulator_report.py"))["compared"]
    said = compared(None, None, tmp_path / "absent.csv.gz")
    assert said == "Left out: the recording of the two real chillers, `absent.csv.gz`, is not there."
