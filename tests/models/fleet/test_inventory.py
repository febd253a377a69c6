from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import ConfigError, ModelError
from models.fleet.fleet import Fleet
from models.fleet.inventory import Inventory, read_inventory, to_json
from models.store.feature_store import FeatureStore
from tests.support.toy_fleet import fleet_of

TWO = Inventory({"m1": {"model": "X", "site": "north"}, "m2": {"model": "Y"}})


def fleet() -> Fleet:
    return replace(fleet_of(), asset_pattern="m[0-9]")


def read(path: Path, text: str) -> Inventory:
    path.write_text(text, encoding="utf-8")
    return read_inventory(path, fleet())


def test_a_machine_has_a_segment_for_each_attribute_and_one_of_its_own() -> None:
    assert TWO.segment("m1", "site") == "site:north"
    assert TWO.segment("m2", "site") is None
    assert TWO.segment("stranger", "asset") == "asset:stranger"
    assert [TWO.segments_by("site")(name) for name in ("m1", "m2")] == ["site:north", "fleet"]
    assert TWO.keys == ("model", "site")


def test_of_two_inventories_the_later_has_the_say_and_forgets_nothing() -> None:
    merged = TWO.merged(Inventory({"m1": {"model": "Z"}, "m3": {"site": "south"}}))
    assert merged.machines == {
        "m1": {"model": "Z", "site": "north"},
        "m2": {"model": "Y"},
        "m3": {"site": "south"},
    }
    assert TWO.machines["m1"]["model"] == "X"


def test_a_csv_file_says_what_is_known_and_empty_fields_are_not(tmp_path: Path) -> None:
    assert read(tmp_path / "i.csv", "asset,model,site\nm1, X ,north\nm2,Y,\nm3,,\n") == TWO


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"line 1 = '': expected a column asset"),
        ("asset\nm1\n", r"line 1 = 'asset': expected a column asset, and one or more"),
        ("asset,Model\nm1,X\n", r"line 1 = 'Model': expected distinct names in snake_case"),
        ("asset,fleet\nm1,X\n", r"line 1 = 'fleet': expected distinct names"),
        ("asset,model,model\nm1,X,Y\n", r"line 1 = 'model': expected distinct names"),
        ("asset,timezone\nm1,Mars\n", r"line 2, timezone = 'Mars': expected a zone of the IANA database"),
        ("asset,timezone\nm1,GMT+8\n", r"line 2, timezone = 'GMT\+8': expected an offset, as \+08:00"),
        ("asset,model\nq7,X\n", r"line 2 = 'q7': expected an asset like m\[0-9\]"),
        ("asset,model\nm1,X\nm1,Y\n", r"line 3 = 'm1': expected each asset once"),
        ("asset,model\nm1,X,Y\n", r"line 2 = \['Y'\]: expected as many fields as the heading"),
        (f"asset,model\nm1,{'X' * 101}\n", r"line 2, model = 'X+': expected at most 100 printable"),
    ],
)
def test_a_bad_line_is_refused_by_number(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        read(tmp_path / "i.csv", text)


def test_a_file_that_is_no_csv_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.csv: file = .* a readable CSV file"):
        read_inventory(tmp_path / "absent.csv", fleet())


def test_the_store_keeps_every_state_and_the_same_state_once(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    assert store.inventory_files() == []
    for found in (TWO, TWO, Inventory({"m2": {"site": "south"}})):
        store.keep_inventory(found)
    first, second = map(store.read_inventory, store.inventory_files())
    assert first == TWO
    assert second.machines["m2"] == {"model": "Y", "site": "south"}


def test_a_state_that_is_damaged_or_gone_is_named(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    store.keep_inventory(TWO)
    (file,) = store.inventory_files()
    (tmp_path / file).write_bytes(to_json(Inventory({"m1": {"model": "Q"}})))
    with pytest.raises(ModelError, match=r"000001-.*damaged: its content is not what was landed"):
        store.read_inventory(file)
    (tmp_path / file).unlink()
    with pytest.raises(ModelError, match="no such file: it was part of the dataset"):
        store.read_inventory(file)
