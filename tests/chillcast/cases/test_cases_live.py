"""Cases as people at a terminal lead them, with workers, broker and store of their own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from chillcast.pipeline.pipeline import Pipeline, running
from chillcast.resources import Resources
from chillcast.settings import Settings
from models.event_time import DAY_MS
from models.fleet.fleet import load_fleet
from models.fleet.inventory import Inventory
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event
from streams.kafka.cluster import connected
from streams.kafka.connection import Connection
from streams.kafka.publisher import Publisher
from streams.kafka.topics import partition_of
from streams.records import Alert
from streams.wire import codec
from tests.support.commands import ROOT, printed, refused
from tests.support.reporters import Alarms
from tests.support.sunk import OPEN

FLEET = ROOT / "fleets" / "chiller.toml"
NOW_MS = int(time.time()) * 1000
Say = Callable[..., None]
Do = Callable[..., str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def resources(home: Path) -> Resources:
    found = Resources(Settings(home=str(home)), load_fleet(FLEET))
    found.feature_store.keep_inventory(Inventory({"CH-0001": {"timezone": "Asia/Tokyo"}}))
    return found


@pytest.fixture(scope="module")
def pipeline(resources: Resources) -> Iterator[Pipeline]:
    stages, alarms = ["cases", "sink", "landing"], list[str]()
    with running(resources.settings, resources.fleet, stages, Alarms(alarms)) as found:
        yield found


@pytest.fixture
def say(pipeline: Pipeline, home: Path) -> Say:
    """Publish an alert, and wait until its case is listed."""

    def said(asset: str, **changes: object) -> None:
        opened_ms = NOW_MS - 3 * DAY_MS
        about = {"asset": asset, "case": f"{asset}-{opened_ms}", "time_ms": opened_ms, "opened_ms": opened_ms}
        alert: Alert = replace(OPEN, **{**about, **changes})
        with Publisher(pipeline.connection) as publisher:
            home_of = partition_of(asset, pipeline.partitions)
            publisher.send(home_of, codec.alert(pipeline.topics.alerts, alert))
        wait(lambda: asset in printed("cases", "list", "--all", "--home", str(home)))

    return said


@pytest.fixture
def do(pipeline: Pipeline, home: Path) -> Do:
    """Run a command as ann."""
    place = ("--home", str(home), "--broker", str(pipeline.connection))

    def done(*words: str, runs: Callable[..., str] = printed) -> str:
        return runs("cases", *words, "--who", "ann", *place)

    return done


def wait(what: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.2)


def shown(home: Path, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(printed("cases", "show", name, "--json", "--home", str(home)))
    return found


def test_a_case_is_led_from_its_opening_to_a_label(
    say: Say, do: Do, resources: Resources, home: Path
) -> None:
    say("CH-0001", from_d=1.0, to_d=4.0)
    assert "acknowledged" in do("ack", "CH-0001", "--text", "on my way")
    do("assign", "CH-0001", "bob")
    do("comment", "CH-0001", "oil is fine")
    assert "snoozed" in do("snooze", "CH-0001", "2199-01-01")
    do("snooze", "CH-0001", "now")
    resolved = json.loads(do("resolve", "CH-0001", "confirmed", "--cause", "scale", "--json"))
    assert (resolved["state"], resolved["version"]) == ("resolved", 7)
    found = shown(home, "CH-0001")
    history = found["history"]
    assert isinstance(history, list)
    assert [(e["what"], e["who"]) for e in history] == [
        ("opened", "the machine"),
        *[(what, "ann") for what in ("acknowledged", "assigned", "commented")],
        *[(what, "ann") for what in ("snoozed", "unsnoozed", "resolved")],
    ]
    assert str(found["since"]).endswith("JST")
    store = resources.feature_store
    wait(lambda: any(store.event_files()))
    (event,) = [e for file in store.event_files() for e in store.read_events(file)]
    assert (event.asset, event.kind, event.code) == ("CH-0001", "finding", "confirmed")
    assert isinstance(event, Event)
    assert "CH-0001" not in printed("cases", "list", "--home", str(home))
    assert ",confirmed,ann," in printed("cases", "export", "--home", str(home))
    do("reopen", "CH-0001")
    assert shown(home, "CH-0001")["state"] == "acknowledged"


def test_a_stale_command_is_refused_with_the_case_as_it_is(say: Say, do: Do) -> None:
    say("CH-0002")
    do("ack", "CH-0002")
    said = do("assign", "CH-0002", "bob", "--version", "1", runs=refused)
    assert "refused: version 1 is stale: the case is at 2; it is acknowledged, critical, version 2" in said


def test_a_list_is_filtered_by_state_and_by_who_has_it(say: Say, do: Do, home: Path) -> None:
    say("CH-0003")
    say("CH-0004")
    do("assign", "CH-0003", "ann")

    def machines(*words: str) -> set[str]:
        rows = json.loads(printed("cases", "list", *words, "--json", "--home", str(home)))
        return {row["machine"] for row in rows} & {"CH-0003", "CH-0004"}

    assert machines("--mine", "--who", "ann") == {"CH-0003"}
    assert machines("--unassigned") == {"CH-0004"}
    assert machines("--state", "new") == {"CH-0003", "CH-0004"}
    assert machines("--search", "ch-0004") == {"CH-0004"}
    assert machines("--state", "resolved") == set()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("show", "CH-0099"), "case = 'CH-0099': expected a case or a machine that has one"),
        (("list", "--state", "old"), "state = 'old': expected one of new, acknowledged, snoozed"),
        (("resolve", "CH-0004", "fixed"), "outcome = 'fixed': expected one of confirmed, confirmed-other"),
        (("resolve", "CH-0004", "confirmed-other"), "mode = '': expected the other failure mode"),
        (("snooze", "CH-0004", "soon"), "until = 'soon': expected worse, cleared, or a date or time of the"),
        (("comment", "CH-0004", " "), "text = ' ': expected what is to be said"),
        (("ack", "CH-0004", "--who", "x" * 200), "length <= 128"),
    ],
)
def test_what_is_mistyped_is_named_with_what_was_expected(
    say: Say, pipeline: Pipeline, home: Path, words: tuple[str, ...], reason: str
) -> None:
    say("CH-0004")
    place: tuple[str, ...] = ("--home", str(home))
    place = place if words[0] in ("show", "list") else (*place, "--broker", str(pipeline.connection))
    assert reason in refused("cases", *words, *place)


def test_an_export_goes_to_a_file(say: Say, home: Path, tmp_path: Path) -> None:
    say("CH-0004")
    assert printed("cases", "export", "--out", str(tmp_path / "cases.csv"), "--home", str(home)) == ""
    assert "CH-0004" in (tmp_path / "cases.csv").read_text(encoding="utf-8")


def test_who_asks_is_told_if_no_worker_answers(
    bootstrap: str, say: Say, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("CH-0004")
    monkeypatch.setenv("CHILLCAST_TOPIC_PREFIX", "unheard-")
    said = refused("cases", "comment", "CH-0004", "x", "--home", str(home), "--broker", bootstrap)
    assert "no cases worker on" in said
    with connected(Connection(bootstrap)) as cluster:
        assert cluster.partitions(["unheard-case-commands", "case-commands"]) == {"unheard-case-commands": 2}


def test_a_stop_is_planned_listed_and_cancelled_in_the_time_of_its_site(
    say: Say, pipeline: Pipeline, home: Path, resources: Resources
) -> None:
    say("CH-0007")
    here = ("--home", str(home), "--json")
    asks = (*here, "--broker", str(pipeline.connection), "--who", "ann")
    span = ("--from", "2190-12-24", "--until", "2190-12-27T16:00")
    planned = json.loads(printed("plans", "add", "--machine", "CH-0001", *span, "--text", "holidays", *asks))
    times = ("2190-12-24 00:00 JST", "2190-12-27 16:00 JST")
    assert (planned["from"], planned["until"], planned["state"]) == (*times, "planned")
    assert [row["plan"] for row in json.loads(printed("plans", "list", *here))] == [planned["plan"]]
    assert "did you mean CH-0001?" in refused("plans", "list", "--machine", "CH-0002", *here)
    cancelled = json.loads(printed("plans", "cancel", planned["plan"], *asks))
    assert (cancelled["state"], cancelled["until"]) == ("cancelled", times[1])
    assert json.loads(printed("plans", "list", *here)) == []
    assert [row["state"] for row in json.loads(printed("plans", "list", "--all", *here))] == ["cancelled"]
    assert "cancelled already" in refused("plans", "cancel", planned["plan"], *asks)
    store = resources.feature_store

    def landed() -> list[Event]:
        events = [e for file in store.event_files() for e in store.read_events(file)]
        return [e for e in events if e.kind.startswith("planned-stop")]

    wait(lambda: {e.kind for e in landed()} == {"planned-stop", "planned-stop-cancelled"})
    assert EventLog(landed()).planned_stops.covers("CH-0001", 6_973_000_000_000) is False


def test_a_plan_that_makes_no_sense_says_what_was_expected(say: Say, pipeline: Pipeline, home: Path) -> None:
    say("CH-0008")
    asks = ("--home", str(home), "--broker", str(pipeline.connection))
    for words, said in (
        (("--machine", "pump", "--from", "2190-01-01", "--until", "2190-01-02"), "machine = 'pump'"),
        (("--site", "Kiel", "--from", "2190-01-01", "--until", "2190-01-02"), "site = 'Kiel'"),
        (("--machine", "CH-0001", "--from", "soon", "--until", "2190-01-02"), "from = 'soon'"),
        (("--machine", "CH-0001", "--from", "2020-01-01", "--until", "2020-01-02"), "days past"),
    ):
        assert said in refused("plans", "add", *words, *asks)
    assert "plan = 'p7': expected the name of a plan" in refused("plans", "cancel", "p7", *asks)
