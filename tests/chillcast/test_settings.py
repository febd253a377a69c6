from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from chillcast.settings import PREFIX, Settings, find_file, read_settings, shipped
from models.errors import ConfigError


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({}) == Settings()


def test_variables_of_others_are_none_of_our_business() -> None:
    assert read_settings({"PATH": "/bin", "HOME": "/root", "CHILLCASTLE": "x"}) == Settings()


def test_the_command_line_wins_over_the_environment_and_says_nothing_with_none() -> None:
    environment = {"CHILLCAST_PARTITIONS": "4", "CHILLCAST_FLEET": "backblaze"}
    found = read_settings(environment, partitions=8, fleet=None)
    assert (found.partitions, found.fleet) == (8, "backblaze")


def test_a_child_process_reads_the_same_settings() -> None:
    given = read_settings(
        {
            "CHILLCAST_BROKER": "one:9092,two:9092",
            "CHILLCAST_PARTITIONS": "16",
            "CHILLCAST_INFLUX_URL": "https://influx.example:8086",
            "CHILLCAST_TOPIC_PREFIX": "site-1.",
        }
    )
    assert read_settings(given.environment()) == given
    assert set(given.environment()) == {PREFIX + name.upper() for name in Settings.__struct_fields__}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PARTITIONS", "many", "a whole number"),
        ("PARTITIONS", "2.5", "a whole number"),
        ("PARTITIONS", "", "a whole number"),
        ("PARTITIONS", "0", "a whole number at least 1 and at most 1024"),
        ("PARTITIONS", "1025", "at most 1024"),
        ("PAGE_PORT", "65536", "at most 65535"),
        ("SESSION_TIMEOUT_S", "301", "at most 300"),
        ("BROKER", "localhost", "host:port"),
        ("BROKER", "one:9092, two:9092", "with a comma between them"),
        ("INFLUX_URL", "localhost:8086", "begins with http"),
        ("TOPIC_PREFIX", "a/b", "letters, digits"),
        ("TOPIC_PREFIX", "a" * 101, "at most 100"),
        ("LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("BROKERS", "one:9092", "one of home, fleet, broker"),
    ],
)
def test_a_bad_variable_is_refused_by_name_with_its_value_and_what_was_expected(
    name: str, value: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings({PREFIX + name: value})
    assert caught.value.key == PREFIX + name
    assert str(caught.value.value) == value
    assert expected in caught.value.expected


@pytest.mark.parametrize("name", ["TEST_INFLUX", "CACHE", "INFLUXD", "CHROMIUM"])
def test_variables_of_tests_and_tools_are_left_alone(name: str) -> None:
    assert read_settings({PREFIX + name: "anything"}) == Settings()


def test_everything_is_written_under_home(tmp_path: Path) -> None:
    found = read_settings({}, home=str(tmp_path))
    assert found.store_path.parent == tmp_path
    assert found.registry == f"sqlite:///{tmp_path}/registry/mlflow.db"
    assert read_settings({}, registry_uri="http://mlflow:5000").registry == "http://mlflow:5000"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        Settings().partitions = 3  # type: ignore[misc]


def test_a_shipped_fleet_is_found_by_name_and_any_other_by_path(tmp_path: Path) -> None:
    assert Settings(fleet="chiller").fleet_path == shipped("fleets") / "chiller.toml"
    own = tmp_path / "own.toml"
    assert Settings(fleet=str(own)).fleet_path == own


def test_an_unknown_name_is_refused_with_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"fleet = 'chillers': expected a path or one of .*chiller"):
        find_file("chillers", "fleet")


def test_a_recording_of_a_scenarios_name_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    assert find_file("demo", "scenario") == shipped("fleets/scenarios") / "demo.toml"
    (tmp_path / "own").write_text("", encoding="utf-8")
    assert find_file("own", "scenario") == Path("own")


def test_every_setting_has_a_type_that_the_environment_can_say() -> None:
    """A field of another type would need a reader of its own."""
    defaults = msgspec.structs.asdict(Settings())
    assert {type(value) for value in defaults.values()} == {str, int}
    for name, value in defaults.items():
        assert getattr(read_settings({PREFIX + name.upper(): str(value)}), name) == value
