from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import ModelError
from models.risk.pack import Pack, PackEntry, Recent, packed, write_pack
from tests.support.hazard_model import fitted

NAMES = ("model:A", "model:B", "model:C")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    members = ((name, packed(fitted(seed).booster), -0.5) for seed, name in enumerate(NAMES, 1))
    return write_pack(tmp_path_factory.mktemp("pack") / "p" / "segments.pack", members)


def test_each_booster_comes_back_as_it_was(pack: Pack) -> None:
    for seed, name in enumerate(NAMES, 1):
        assert pack.text(name) == fitted(seed).booster.model_to_string()
    assert {entry.offset for entry in pack.entries.values()} == {-0.5}
    assert sum(entry.length for entry in pack.entries.values()) == pack.path.stat().st_size


def test_a_booster_is_loaded_once_while_there_is_room(pack: Pack) -> None:
    recent = Recent(1 << 30)
    first = recent.booster(pack, "model:A")
    assert recent.booster(pack, "model:B") is not first
    assert recent.booster(pack, "model:A") is first


def test_the_one_that_was_not_used_for_longest_makes_room(pack: Pack) -> None:
    size = max(3 * len(pack.text(name)) for name in NAMES)
    recent = Recent(2 * size)
    first = recent.booster(pack, "model:A")
    second = recent.booster(pack, "model:B")
    recent.booster(pack, "model:A")
    recent.booster(pack, "model:C")
    assert len(recent) == 2
    assert recent.nbytes <= 2 * size
    assert recent.booster(pack, "model:A") is first
    again = recent.booster(pack, "model:B")
    assert again is not second
    row = np.zeros((1, 3))
    assert again.predict(row) == second.predict(row)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(used=st.lists(st.sampled_from(NAMES), min_size=1, max_size=20), room=st.integers(1, 400_000))
def test_whatever_was_used_the_right_one_is_given_within_the_room(
    pack: Pack, used: list[str], room: int
) -> None:
    recent = Recent(room)
    for name in used:
        assert recent.booster(pack, name).model_to_string() == pack.text(name)
        assert recent.nbytes <= room or len(recent) == 1


def test_one_that_is_larger_than_the_room_is_held_alone(pack: Pack) -> None:
    recent = Recent(1)
    for name in NAMES:
        recent.booster(pack, name)
        assert len(recent) == 1


def test_bytes_that_were_changed_are_refused_by_the_name_of_their_segment(pack: Pack, tmp_path: Path) -> None:
    data = bytearray(pack.path.read_bytes())
    data[pack.entries["model:B"].at + 7] ^= 1
    (tmp_path / "p").write_bytes(data)
    spoilt = Pack(tmp_path / "p", pack.entries)
    assert spoilt.text("model:A")
    with pytest.raises(ModelError, match=r"p: model:B: sha256 .* was packed"):
        spoilt.text("model:B")


def test_what_is_no_packed_text_is_refused(tmp_path: Path) -> None:
    for data in (b"plain", zlib.compress(b"\xff")):
        path = tmp_path / hashlib.sha256(data).hexdigest()
        path.write_bytes(data)
        entry = PackEntry(at=0, length=len(data), sha256=hashlib.sha256(data).hexdigest(), offset=0.0)
        with pytest.raises(ModelError, match="model:A: not a packed text"):
            Pack(path, {"model:A": entry}).text("model:A")


def test_a_pack_that_is_gone_or_cut_is_refused(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        Pack(tmp_path / "none", pack.entries)
    (tmp_path / "p").write_bytes(pack.path.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"model:C: lies beyond the \d+ bytes"):
        Pack(tmp_path / "p", pack.entries)
