from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import SecretStr, ValidationError

from chillcast.cli.app import app
from chillcast.settings import _OPTIONS, PREFIX, Settings, read_settings
from chillcast.shipped import find_file, shipped
from models.errors import ConfigError, FaultyConfigError, UnknownKeyError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that reads the settings in an environment which holds these variables of ours."""

    def reading(environment: dict[str, str], **given: Any) -> Settings:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return read_settings(**given)

    return reading


def test_an_empty_environment_gives_the_defaults(read: Any) -> None:
    assert read({}) == Settings()


def test_variables_of_others_are_none_of_our_business(read: Any) -> None:
    assert read({"PAGE_PORT": "x", "CHILLCASTLE": "x", "MY_CHILLCAST_HOME": "x"}) == Settings()


def test_the_command_line_wins_over_the_environment_and_says_nothing_with_none(read: Any) -> None:
    environment = {"CHILLCAST_PARTITIONS": "4", "CHILLCAST_FLEET": "backblaze"}
    found = read(environment, partitions=8, fleet=None)
    assert (found.partitions, found.fleet) == (8, "backblaze")


def test_a_child_process_reads_the_same_settings(read: Any) -> None:
    given = read(
        {
            "CHILLCAST_BROKER": "one:9092,two:9092",
            "CHILLCAST_PARTITIONS": "16",
            "CHILLCAST_INFLUX_URL": "https://influx.example:8086",
            "CHILLCAST_TOPIC_PREFIX": "site-1.",
            "CHILLCAST_INFLUX_TOKEN": SECRET,
        }
    )
    assert given.environment()["CHILLCAST_INFLUX_TOKEN"] == SECRET
    assert read(given.environment()) == given
    assert set(given.environment()) == {PREFIX + name.upper() for name in Settings.model_fields}


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
        ("STATE_LOSS", "accpet", "one of refuse, accept"),
        ("BROKER_SECURITY", "ssl", "one of plaintext, tls, sasl-tls, sasl-plaintext-insecure"),
    ],
)
def test_a_bad_variable_is_refused_by_name_with_its_value_and_what_was_expected(
    read: Any, name: str, value: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read({PREFIX + name: value})
    assert caught.value.key == PREFIX + name
    assert str(caught.value.value) == value
    assert expected in caught.value.expected


@pytest.mark.parametrize("name", ["TEST_INFLUX", "CACHE", "INFLUXD", "CHROMIUM", "KAFKA_HOME"])
def test_variables_of_tests_and_tools_are_left_alone(read: Any, name: str) -> None:
    assert read({PREFIX + name: "anything"}) == Settings()


def test_everything_is_written_under_home(read: Any, tmp_path: Path) -> None:
    found = read({}, home=str(tmp_path))
    assert found.store_path.parent == tmp_path
    assert found.registry == f"sqlite:///{tmp_path}/registry/mlflow.db"
    assert read({}, registry_uri="http://mlflow:5000").registry == "http://mlflow:5000"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().partitions = 3


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("INFLUX_TOKN", "did you mean CHILLCAST_INFLUX_TOKEN?"),
        ("INFLUXDB_TOKEN", "did you mean CHILLCAST_INFLUX_TOKEN?"),
        ("INFLUXD_TOKEN", "did you mean CHILLCAST_INFLUX_TOKEN?"),
        ("BROKERS", "did you mean CHILLCAST_BROKER?"),
        ("TESTS", "known are CHILLCAST_HOME, CHILLCAST_FLEET, "),
    ],
)
def test_a_misspelt_variable_is_refused_by_name_and_its_value_is_not_shown(
    read: Any, name: str, meant: str
) -> None:
    with pytest.raises(UnknownKeyError) as caught:
        read({PREFIX + name: SECRET})
    assert str(caught.value).startswith(f"environment: CHILLCAST_{name} is not known: {meant}")
    assert SECRET not in str(caught.value)


SECRET = "hunter" + "2"  # never whole in a line that a traceback shows
SECRETS = (
    "influx_token",
    "influx_admin_token",
    "api_token",
    "oidc_client_secret",
    "proxy_secret",
    "broker_password",
    "work_order_secret",
)


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("added", ["\n{}", "{}\n", "{}\r\n", " {}", "{} ", "{}\n{}", "{}\t"])
def test_a_secret_with_a_line_break_or_space_around_it_is_refused_by_name_and_never_shown(
    read: Any, name: str, added: str
) -> None:
    variable = PREFIX + name.upper()
    with pytest.raises(ConfigError) as caught:
        read({variable: added.format(SECRET, SECRET)})
    assert f"{variable} = '**********': expected one line without space around it" in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_secret_is_shown_nowhere_but_to_whom_it_is_for(read: Any) -> None:
    given = {
        PREFIX + "BROKER": "one:9092",
        PREFIX + "BROKER_SECURITY": "sasl-tls",
        PREFIX + "BROKER_USERNAME": "me",
        PREFIX + "BROKER_PASSWORD": SECRET,
        PREFIX + "INFLUX_TOKEN": SECRET,
    }
    found = read(given)
    shown = [
        repr(found),
        str(found),
        repr(found.connection),
        f"{found.influx_token}",
        found.model_dump_json(),
    ]
    assert SECRET not in "".join(shown)
    assert found.connection.security.password == SECRET
    with pytest.raises(ConfigError) as caught:
        read({PREFIX + "PARTITIONS": "0", PREFIX + "PAGE_PORT": "x"})
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_every_setting_that_is_called_a_secret_is_one() -> None:
    named = [name for name in Settings.model_fields if re.search("password|token|secret", name)]
    assert sorted(named) == sorted(SECRETS)
    assert all(Settings.model_fields[name].annotation is SecretStr for name in named)


def test_what_the_command_line_gave_is_blamed_by_its_option(read: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        read({PREFIX + "PAGE_PORT": "8080"}, page_port=99999)
    said = "command line: --port = 99999: expected a whole number at least 0 and at most 65535"
    assert str(caught.value) == said
    assert (
        str(read({}, home="/x").wrong("home", "a folder")) == "command line: --home = '/x': expected a folder"
    )
    found = read({PREFIX + "HOME": "/x"})
    assert str(found.wrong("home", "a folder")) == "environment: CHILLCAST_HOME = '/x': expected a folder"


def test_all_that_is_wrong_with_the_settings_is_said_at_once(read: Any) -> None:
    with pytest.raises(FaultyConfigError) as caught:
        read({PREFIX + "HOMES": "x", PREFIX + "PARTITIONS": "many"}, page_port=-1)
    assert [fault.key for fault in caught.value.faults] == [
        "CHILLCAST_HOMES",
        "CHILLCAST_PARTITIONS",
        "--port",
    ]


def test_every_option_that_gives_a_setting_is_blamed_by_its_own_name() -> None:
    """An option that is called otherwise than its setting has to be listed in the settings."""
    commands: dict[str, Any] = vars(typer.main.get_command(app))["commands"]
    options = {o for name in ("page", "replay") for p in commands[name].params for o in p.opts}
    assert {_OPTIONS.get(name, f"--{name}") for name in ("home", "fleet", "broker", *_OPTIONS)} <= options


def test_nothing_but_the_front_door_reads_the_environment() -> None:
    """To make Settings is to read it; what has them gets another by ``model_copy``."""
    folders = ("chillcast", "simulators", "streams", "models")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    made = [
        p.name for p in sources if re.search(r"^(?!.*>>>).*\bSettings\(", p.read_text(encoding="utf-8"), re.M)
    ]
    assert made == ["settings.py"]


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


def test_every_setting_can_be_said_in_the_environment(read: Any) -> None:
    """A field of another type would need a reader of its own."""
    environment = Settings().environment()
    assert set(environment) == {PREFIX + name.upper() for name in Settings.model_fields}
    assert read(environment) == Settings()
