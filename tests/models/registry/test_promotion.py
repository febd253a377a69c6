"""What was promoted is never overwritten, and of two that promote at once exactly one is told so."""

from __future__ import annotations

import os
import pwd
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.errors import ModelError
from models.registry.promotion import CHALLENGER, CHAMPION, Promotion, Promotions, Role, whoever
from tests.support.commands import ROOT


@pytest.fixture
def promotions(tmp_path: Path) -> Promotions:
    return Promotions(tmp_path)


def promotion(number: int, version: str, role: Role = CHAMPION, restores: int = 0) -> Promotion:
    return Promotion(
        fleet="toy",
        version=version,
        sha256="s",
        reason="r",
        who="ann",
        promoted_ms=5,
        role=role,
        number=number,
        restores=restores,
    )


def promote(promotions: Promotions, version: str, role: Role = CHAMPION, restores: int = 0) -> None:
    promotions.claim(promotion(promotions.next_number, version, role, restores))
    promotions.enforce(role)


def test_the_pointer_of_a_role_names_its_last_promotion_and_all_are_kept(promotions: Promotions) -> None:
    for version in ("1", "2", "1"):
        promote(promotions, version)
    promote(promotions, "3", CHALLENGER)
    newest, challenger = promotions.newest(), promotions.newest(CHALLENGER)
    assert newest == promotion(3, "1")
    assert challenger == promotion(4, "3", CHALLENGER)
    assert [p.version for p in promotions.all()] == ["1", "2", "1", "3"]


def test_of_a_number_that_is_taken_it_says_who_came_first(promotions: Promotions) -> None:
    number = promotions.next_number
    promotions.claim(promotion(number, "1"))
    with pytest.raises(ModelError, match="promotion 1 of toy: meanwhile ann promoted version 1 as champion"):
        promotions.claim(promotion(number, "2"))
    assert [p.version for p in promotions.all()] == ["1"]


def test_of_many_that_claim_at_once_one_wins_and_the_pointer_is_its(promotions: Promotions) -> None:
    def attempt(version: int) -> bool:
        try:
            promotions.claim(promotion(1, str(version)))
        except ModelError:
            return False
        promotions.enforce(CHAMPION)
        return True

    with ThreadPoolExecutor(8) as pool:
        won = [i for i, good in enumerate(pool.map(attempt, range(8))) if good]
    newest = promotions.newest()
    assert newest is not None
    assert [newest.version] == [str(i) for i in won]


def test_whoever_comes_last_to_the_pointer_leaves_the_last_claim_there(promotions: Promotions) -> None:
    promotions.claim(promotion(1, "1"))
    promote(promotions, "2")
    promotions.enforce(CHAMPION)  # the first one was slow
    newest = promotions.newest()
    assert newest is not None
    assert newest.version == "2"


def test_candidates_are_the_newest_and_then_earlier_versions_each_once(promotions: Promotions) -> None:
    for version in ("1", "2", "1", "3", "2"):
        promote(promotions, version)
    assert [p.version for p in promotions.candidates()] == ["2", "3", "1"]


def test_what_a_rollback_undid_stands_no_more_and_is_the_last_candidate(promotions: Promotions) -> None:
    for version in ("1", "2", "3"):
        promote(promotions, version)
    promote(promotions, "2", restores=2)
    assert [p.number for p in promotions.standing()] == [1, 4]
    assert [p.version for p in promotions.candidates()] == ["2", "1", "3"]
    promote(promotions, "4")
    promote(promotions, "2", restores=4)
    assert [p.number for p in promotions.standing()] == [1, 6]


def test_a_rollback_to_a_promotion_that_is_damaged_stands_in_its_place(
    promotions: Promotions, tmp_path: Path
) -> None:
    for version in ("1", "2", "3"):
        promote(promotions, version)
    promote(promotions, "2", restores=2)
    (tmp_path / "promotions" / "00002.json").write_bytes(b"{")
    assert [p.number for p in promotions.standing()] == [1, 4]


def test_a_claim_that_never_came_into_force_is_no_candidate(promotions: Promotions) -> None:
    for version in ("1", "2"):
        promote(promotions, version)
    promotions.claim(promotion(3, "3"))
    assert [p.version for p in promotions.candidates()] == ["2", "1"]


def test_history_that_is_damaged_costs_the_workers_its_own_promotion_alone(
    promotions: Promotions, tmp_path: Path
) -> None:
    for version in ("1", "2", "3"):
        promote(promotions, version)
    (tmp_path / "promotions" / "00002.json").write_bytes(b'{"version": "\xff')
    assert [p.version for p in promotions.candidates()] == ["3", "1"]
    with pytest.raises(ModelError, match=r"00002\.json: not a promotion"):
        promotions.all()


def test_a_copy_that_somebody_left_is_no_promotion(promotions: Promotions, tmp_path: Path) -> None:
    promote(promotions, "1")
    for name in ("00001 copy.json", "00001.bak.json", "7x.json"):
        (tmp_path / "promotions" / name).write_bytes(b"{}")
    assert (promotions.next_number, [p.version for p in promotions.all()]) == (2, ["1"])


def test_a_claim_that_is_withdrawn_leaves_its_number_free(promotions: Promotions) -> None:
    promotions.claim(promotion(1, "1"))
    promotions.withdraw(promotion(1, "1"))
    assert promotions.next_number == 1


def test_a_file_that_is_no_promotion_is_named(promotions: Promotions, tmp_path: Path) -> None:
    (tmp_path / "champion.json").write_text('{"version": 3}')
    with pytest.raises(ModelError, match=r"champion\.json: not a promotion"):
        promotions.newest()


def test_a_pointer_of_an_older_chillcast_is_understood(promotions: Promotions, tmp_path: Path) -> None:
    old = '{"version":"3","sha256":"s","reason":"r","promoted_ms":5}'
    (tmp_path / "champion.json").write_text(old)
    assert [p.version for p in promotions.candidates()] == ["3"]


def test_who_runs_a_command_is_asked_in_one_place_alone() -> None:
    houses = ("chillcast", "simulators", "streams", "models")
    sources = [path for house in houses for path in (ROOT / house).rglob("*.py")]
    assert [path.name for path in sources if "getpass" in path.read_text()] == ["promotion.py"]


def test_a_user_without_a_name_is_recorded_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    assert whoever() == pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000 - 7)
    assert whoever() == "user 3999999993"
