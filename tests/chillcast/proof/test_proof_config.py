"""The shipped file, and what is refused."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from chillcast.proof.policies import POLICIES
from chillcast.proof.proof_config import load_proof_config
from chillcast.proof.terms import ENDS, Assumptions, Terms, meaning_of
from models.errors import ConfigError
from models.fleet.fleet import load_fleet
from tests.support.proof_plants import SHIPPED

FLEETS = Path("fleets")


def changed(folder: Path, old: str, new: str) -> Path:
    text = SHIPPED.read_text(encoding="utf-8")
    assert old in text
    path = folder / "mine.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_terms_and_assumptions_have_the_same_names() -> None:
    names = [field.name for field in fields(Terms)]
    assert [field.name for field in fields(Assumptions)] == names
    assert all(meaning_of(name) not in {"", "None"} for name in names)


def test_every_assumption_has_a_source_and_a_range_that_is_swept() -> None:
    for name, one in load_proof_config(SHIPPED).assumptions.each.items():
        assert one.source, name
        assert one.low <= one.value <= one.high, name
        assert one.low < one.high, name


def test_a_stride_that_meets_no_window_is_refused(tmp_path: Path) -> None:
    config = load_proof_config(changed(tmp_path, "stride_s = 21600", "stride_s = 5000"))
    with pytest.raises(ConfigError, match=r"stride_s = 5000: expected a multiple of sampling.hop_s = 3600"):
        config.check(load_fleet(FLEETS / "chiller.toml"))


def test_terms_are_taken_at_the_ends_that_are_asked_for_alone() -> None:
    given = load_proof_config(SHIPPED).assumptions
    for end in ENDS:
        terms = given.terms({"parts_d": end})
        assert terms.parts_d == given.parts_d.at(end)
        assert terms.triage_h == given.triage_h.value
    worst = given.terms(given.adverse)
    assert (worst.acted_share, worst.parts_d) == (given.acted_share.low, given.parts_d.high)
    assert given.terms(given.kind).acted_share == given.acted_share.high


def test_no_other_file_has_a_seed_of_the_fleets_to_judge_on() -> None:
    own = {one.seed for one in load_proof_config(SHIPPED).judge}
    others = {
        path: [li for li in path.read_text(encoding="utf-8").splitlines() if li.startswith("seed =")]
        for path in FLEETS.rglob("*.toml")
        if path != SHIPPED
    }
    assert {path: s for path, s in others.items() if any(int(x.split("=")[1]) in own for x in s)} == {}


def test_the_default_is_two_hundred_machines_and_the_full_one_thousands() -> None:
    config = load_proof_config(SHIPPED)
    assert sum(one.assets or 0 for one in config.chosen(full=False).judge) == 200
    assert sum(one.assets or 0 for one in config.chosen(full=True).judge) > 4000
    assert len(POLICIES) == 6


WRONG = {
    r"assumptions\.parts_d\.value = 30.*1 and 14": ("parts_d = { value = 3,", "parts_d = { value = 30,"),
    r"assumptions\.miss_share\.high = 4.*0 to 1": (
        "0.2, low = 0.05, high = 0.4",
        "0.2, low = 0.05, high = 4",
    ),
    r"assumptions\.shift_h\.adverse.*'bad'": (
        'adverse = "low", source = "judgement: one shift"',
        'adverse = "bad", source = "x"',
    ),
    r"assumptions\.shift_h\.source": (', source = "judgement: one shift"', ""),
    r"visits_h.*visit_h": ("visit_h =", "visits_h ="),
    r"adversities\[5\]\.assumptions.*suden_factor.*sudden_factor": ('["sudden_factor"]', '["suden_factor"]'),
    r"judge\[0\]\.seed = 77.*not in develop": ("seed = 31001", "seed = 77"),
    r"calendar_d\.low = 0.*1 to": (
        "calendar_d = { value = 90, low = 30",
        "calendar_d = { value = 90, low = 0",
    ),
}


def test_fleets_that_all_take_hours_are_chosen_by_full_alone(tmp_path: Path) -> None:
    config = load_proof_config(changed(tmp_path, "days = 400\n\n", "days = 400\nfull = true\n\n"))
    assert config.chosen(full=True).develop
    with pytest.raises(ConfigError, match=r"develop = .*: expected one without full = true, or --full"):
        config.chosen(full=False)


@pytest.mark.parametrize(("said", "change"), WRONG.items(), ids=[new for _, new in WRONG.values()])
def test_what_means_nothing_is_refused_by_its_key(tmp_path: Path, said: str, change: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match=said):
        load_proof_config(changed(tmp_path, *change))
