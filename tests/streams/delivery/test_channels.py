"""Notices reach real receivers, in words, with their key; what fails says why and shows no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Any

import pytest
import requests
from msgspec.structs import replace

from models.cases.book import CaseBook
from models.cases.case import Case
from models.delivery.notice import Line, Notice, Parcel
from models.errors import ConfigError, UnavailableError
from models.event_time import DAY_MS
from models.fleet.site_times import SiteTimes
from models.risk.explanation import Reason
from streams.delivery.channels import open_channels
from streams.delivery.wording import Picture, Pictures, Wording
from streams.redaction import redact, tokens_of
from tests.support.case_life import Step, asks, does, signal
from tests.support.receivers import mail_server, webhook
from tests.support.told import INVENTORY

WORDS = Wording("shutdown", SiteTimes(INVENTORY), "https://page.example/")


def case() -> Case:
    found = CaseBook(1.0).hear(signal("open", 20_000, severity="critical")).case
    assert found is not None
    return found


def parcel(kind: str = "opened", channel: str = "ops") -> Parcel:
    line = Line(case=case(), kind=kind, site="north")
    notice = Notice(id="a-1/1/r0/1", route="r0", kind=kind, time_ms=20_000 * DAY_MS, lines=(line,))
    return Parcel(notice=notice, channel=channel, next_ms=0)


def test_a_webhook_gets_the_words_and_the_key() -> None:
    with webhook() as hook:
        open_channels({"ops": f"json://{hook.address}/in"}, WORDS)["ops"].send(parcel())
    ((path, headers, body),) = hook.posted
    said = json.loads(body)
    assert (path, headers["idempotency-key"]) == ("/in", "a-1/1/r0/1/ops")
    assert said["title"] == "CRITICAL a (north): fouling, new case"
    assert "What to do: clean the tubes" in said["message"]
    assert "https://page.example/cases/a-1728000000000" in said["message"]
    assert said["type"] == "failure"


def test_a_mail_has_text_and_html_and_the_key() -> None:
    with mail_server() as (address, mails):
        channel = f"mailto://{address}?from=chillcast@example.org&to=ops@example.org"
        open_channels({"mail": channel}, WORDS)["mail"].send(parcel(channel="mail"))
    (mail,) = mails
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert mail["subject"] == "CRITICAL a (north): fouling, new case"
    assert mail["idempotency-key"] == "a-1/1/r0/1/mail"
    assert plain is not None
    assert html is not None
    assert "What to do" in plain.get_content()
    assert "2024-10-05 to 2024-10-09" in plain.get_content()
    assert "<strong" in html.get_content()
    link = "https://page.example/cases/a-1728000000000"
    assert all(link in part.get_content() for part in (plain, html))
    assert "<strong" not in plain.get_content()


PICTURES = {
    "t": Picture(b"\x89PNG a <very> small one", 'the <b>"oil"</b> departs since 2024-10-01'),
    "p": Picture(b"\x89PNG another", "pressure"),
}


def case_with(*keys: str) -> Case:
    """Return a case for which some sensors speak."""
    said = signal("open", 20_000)
    sensors = tuple(Reason(key, f"sensor {key}", "degC", 1.0, 2.0, 1.0, "1.0 °C", "2.0 °C") for key in keys)
    found = CaseBook(1.0).hear(replace(said, evidence=replace(said.evidence, sensors=sensors))).case
    assert found is not None
    return found


def mailed(lines: Sequence[Line], more: str = "") -> tuple[EmailMessage, list[str]]:
    """Return the mail of a notice, and of which cases pictures were drawn."""
    drawn: list[str] = []

    def draw(case: Case) -> Pictures:
        drawn.append(case.asset)
        return PICTURES

    notice = Notice(id="n", route="r0", kind="opened", time_ms=1, lines=tuple(lines))
    with mail_server() as (address, mails):
        channel = f"mailto://{address}?from=chillcast@example.org&to=ops@example.org{more}"
        opened = open_channels({"mail": channel}, WORDS, draw=draw)
        opened["mail"].send(Parcel(notice=notice, channel="mail", next_ms=0))
    return mails[0], drawn


def test_a_mail_of_one_case_shows_what_its_sensors_read_in_its_text() -> None:
    mail, drawn = mailed([Line(case=case_with("t", "x", "p"), kind="opened")])
    assert (drawn, mail.get_content_type()) == (["a"], "multipart/related")
    html = mail.get_body(("html",))
    assert html is not None
    text = html.get_content()
    shown = re.findall(
        r'<li>(sensor \w)[^<]*<span[^>]*>[^<]*</span><br><img src="cid:([^"]*)" alt="([^"]*)"', text
    )
    words = "the &lt;b&gt;&#34;oil&#34;&lt;/b&gt; departs since 2024-10-01"
    assert shown == [("sensor t", "sensor-1.png", words), ("sensor p", "sensor-2.png", "pressure")]
    parts = {part["content-id"]: part for part in mail.walk() if part.get_content_type() == "image/png"}
    assert sorted(parts) == ["<sensor-1.png>", "<sensor-2.png>"]
    assert parts["<sensor-1.png>"].get_content() == PICTURES["t"].png
    assert {part.get_content_disposition() for part in parts.values()} == {"inline"}
    assert "https://page.example/sheet/a-1728000000000" in text


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        ([Line(case=case_with("t"), kind="opened")] * 2, ""),
        ([Line(case=replace(case_with("t"), active=False, resolved=None), kind="cleared")], ""),
        ([Line(case=case_with("t"), kind="opened")], "&format=text"),
        ([], ""),
    ],
)
def test_a_mail_of_many_cases_of_one_that_is_over_or_as_text_has_no_pictures(
    lines: list[Line], more: str
) -> None:
    mail, drawn = mailed(lines, more)
    assert drawn == []
    assert [part for part in mail.walk() if part.get_content_maintype() == "image"] == []


def test_a_webhook_has_no_pictures() -> None:
    with webhook() as hook:
        channels = open_channels(
            {"ops": f"json://{hook.address}/in?format=html"}, WORDS, draw=lambda _: PICTURES
        )
        channels["ops"].send(parcel())
    assert "cid:" not in str(hook.posted)
    assert not json.loads(hook.posted[0][2]).get("attachments")


def led(asset: str, *steps: Step) -> Case:
    """Return the case of a machine that opened on the day of a notice, after these steps."""
    book = CaseBook(1.0)
    found = book.hear(signal("open", 20_000, asset=asset)).case
    for step in steps:
        _, change = does(book, step)
        found = change.case or found
    assert found is not None
    return found


@pytest.mark.parametrize("more", [0, 30])
def test_a_digest_says_in_each_site_s_time_what_is_held_and_by_what(more: int) -> None:
    snooze: dict[str, Any] = {"until": "date", "until_ms": 20_002 * DAY_MS}
    lines = [
        Line(case=led("a"), kind="stopped", site="north", until_ms=20_001 * DAY_MS),
        Line(case=led("b", asks("snooze", 1, 20_000, asset="b", **snooze)), kind="snoozed"),
        Line(case=led("c", asks("snooze", 1, 20_000, asset="c", until="worse")), kind="snoozed"),
        Line(case=led("c", asks("snooze", 1, 20_000, asset="c", until="cleared")), kind="snoozed"),
        Line(case=led("d"), kind="new"),
        *[Line(case=led("e"), kind="new")] * more,
    ]
    notice = Notice(id="n", route="week", kind="digest", time_ms=20_000 * DAY_MS, lines=tuple(lines))
    letter = WORDS.letter(notice)
    assert letter.title == f"chillcast: {5 + more} open cases, 4 of them held"
    for words in (
        "WARNING a (north): fouling, held until 2024-10-05 02:00 CEST: planned stop",
        "WARNING b: fouling, held until 2024-10-06 02:00 CEST: snoozed by ann",
        "WARNING c: fouling, held until it gets worse: snoozed by ann",
        "WARNING c: fouling, held until it clears: snoozed by ann",
        "WARNING d: fouling, new\n",
    ):
        assert words in letter.text
    assert "held until 2024-10-05 02:00 CEST: planned stop" in letter.html


def test_a_pager_takes_all_of_a_case_for_one_incident_and_its_end_for_the_end_of_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    posted: list[dict[str, Any]] = []

    def post(*_: Any, data: str, **__: Any) -> requests.Response:
        posted.append(json.loads(data))
        answer = requests.Response()
        answer.status_code = 202
        return answer

    monkeypatch.setattr(requests, "post", post)
    book = CaseBook(1.0)
    cases = [book.hear(signal("open", 20_000)).case]
    cases.append(book.hear(signal("closed", 20_000, 20_003)).case)
    channel = open_channels({"pager": "pagerduty://apikey@integration?action=map"}, WORDS)["pager"]
    for found, kind in zip(cases, ("opened", "cleared"), strict=True):
        assert found is not None
        line = Line(case=found, kind=kind)
        notice = Notice(id="n", route="r0", kind=kind, time_ms=1, lines=(line,))
        channel.send(Parcel(notice=notice, channel="pager", next_ms=0))
    assert [(p["event_action"], p["dedup_key"]) for p in posted] == [
        ("trigger", "a-1728000000000"),
        ("resolve", "a-1728000000000"),
    ]


@pytest.mark.parametrize("status", [400, 500, 301])
def test_what_is_not_taken_is_an_error_that_says_why(status: int) -> None:
    with webhook(status=status) as hook:
        channels = open_channels({"ops": f"json://me:geheim99@{hook.address}/in"}, WORDS)
        with pytest.raises(UnavailableError, match=str(status)) as error:
            channels["ops"].send(parcel())
    assert "geheim99" not in str(error.value)


def test_nobody_there_is_an_error() -> None:
    with pytest.raises(UnavailableError, match=r"ops: .*onnection"):
        open_channels({"ops": "json://127.0.0.1:9/in"}, WORDS)["ops"].send(parcel())


def test_an_address_that_leads_nowhere_is_refused_by_the_name_of_its_channel() -> None:
    with pytest.raises(
        ConfigError, match="CHILLCAST_CHANNELS = 'ops': expected an address that Apprise knows"
    ) as error:
        open_channels({"ops": "carrier-pigeon://geheim"}, WORDS)
    assert "geheim" not in str(error.value)


def test_the_tokens_of_a_channel_are_shown_nowhere() -> None:
    address = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops"
    redact.keep(tokens_of(address))
    try:
        said = redact(f"failed: https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/x and {address}")
    finally:
        redact.forget()
    assert "T1JJ3T3L2" not in said
    assert "hooks.slack.com/services" in said


def test_many_cases_are_a_line_and_a_link_each() -> None:
    found = [CaseBook(1.0).hear(signal("open", 20_000, asset=f"m{i}")).case for i in range(30)]
    lines = tuple(Line(case=one, kind="opened", site="north") for one in found if one)
    notice = Notice(id="n", route="r0", kind="opened", time_ms=20_000 * DAY_MS, lines=lines)
    letter = WORDS.letter(notice)
    assert letter.title == "30 cases at north"
    assert letter.text.splitlines()[:2] == [
        "WARNING m0 (north): fouling, new case",
        "https://page.example/cases/m0-1728000000000",
    ]
    assert "What to do" not in letter.text + letter.html
