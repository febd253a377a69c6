"""Channels: where notices go. All that Apprise knows, and work orders by a signed webhook."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import apprise
from apprise.attachment.memory import AttachMemory

from models.cases.case import Case
from models.delivery.notice import Parcel
from models.errors import ConfigError, UnavailableError
from streams.delivery.wording import NONE, Letter, Pictures, Wording
from streams.delivery.work_orders import SCHEMES, WorkOrderChannel
from streams.redaction import redact

SETTING = "CHILLCAST_CHANNELS"
logging.getLogger("apprise").propagate = False  # what it says stands in the reason of an attempt
_ASSET = apprise.AppriseAsset(
    app_id="chillcast",
    app_desc="chillcast",
    app_url="",
    image_url_mask="",
    image_url_logo="",
    async_mode=False,
)


Draw = Callable[[Case], Pictures]
"""Draws what some sensors of a case read; nothing if that cannot be known now."""
OpenOrders = Callable[[str, str], WorkOrderChannel]
"""Opens a channel of work orders, by its name and address."""


class Channel(Protocol):
    """One way to people."""

    def send(self, parcel: Parcel) -> str:
        """Return what the receiver calls it, "" if it has no word, once it has a notice.

        Raises UnavailableError if it was not taken: it is tried again.
        """


class AppriseChannel:
    """A chat, mail, pager or webhook that Apprise knows, by its address.

    Webhooks and mails carry the key of the notice in a header, a pager takes all of one case for one
    incident, and so its end for the end of that.
    """

    def __init__(self, name: str, address: str, wording: Wording, draw: Draw = lambda _: NONE) -> None:
        self.name, self.wording, self.draw = name, wording, draw
        self._address = address
        if self._plugin() is None:
            raise ConfigError("environment", SETTING, name, "an address that Apprise knows, as slack://…")

    def send(self, parcel: Parcel) -> str:
        """Send it in words."""
        plugin, said = self._plugin(), list[str]()
        if plugin is None:
            raise UnavailableError(f"{self.name}: the address is none any more")
        _mark(plugin, parcel)
        is_html = plugin.resolve_format() == apprise.NotifyFormat.HTML
        letter = self.wording.letter(parcel.notice, self._pictures(plugin, parcel) if is_html else NONE)
        sender = apprise.Apprise(asset=_ASSET)
        sender.add(plugin)
        done = sender.notify(
            title=letter.title,
            body=letter.html if is_html else letter.text,
            body_format=apprise.NotifyFormat.HTML if is_html else apprise.NotifyFormat.TEXT,
            notify_type=_kind(letter),
            attach=[AttachMemory(png, name, "image/png") for name, png in letter.pictures.items()] or None,
            log_callback=lambda entry, _: said.append(entry.message),
        )
        if not done:
            why = redact("; ".join(dict.fromkeys(said))) or "not taken"
            raise UnavailableError(f"{self.name}: {why[:300]}")
        return ""

    def _pictures(self, plugin: Any, parcel: Parcel) -> Pictures:
        """Return what is drawn in a mail of one case; what else takes HTML shows no pictures in it."""
        lines = parcel.notice.lines
        if len(lines) != 1 or not lines[0].case.active or not hasattr(plugin, "inline"):
            return NONE
        plugin.inline = True
        return self.draw(lines[0].case)

    def _plugin(self) -> Any:
        return apprise.Apprise.instantiate(self._address, asset=_ASSET, suppress_exceptions=True)


def open_channels(
    addresses: Mapping[str, str],
    wording: Wording,
    work_orders: OpenOrders | None = None,
    draw: Draw = lambda _: NONE,
) -> dict[str, Channel]:
    """Return the channels of addresses, by name; raises ConfigError for one that leads nowhere."""
    opened: dict[str, Channel] = {}
    for name, address in addresses.items():
        if work_orders is not None and address.startswith(SCHEMES):
            opened[name] = work_orders(name, address)
        else:
            opened[name] = AppriseChannel(name, address, wording, draw)
    return opened


def _mark(plugin: Any, parcel: Parcel) -> None:
    """Give the key of a notice to what has room for one."""
    if isinstance(getattr(plugin, "headers", None), dict):
        plugin.headers["Idempotency-Key"] = parcel.key
    if hasattr(plugin, "dedup") and len(parcel.notice.lines) == 1:
        plugin.dedup = plugin.dedup or parcel.notice.lines[0].case.case


def _kind(letter: Letter) -> apprise.NotifyType:
    if letter.is_over:
        return apprise.NotifyType.SUCCESS
    return apprise.NotifyType.FAILURE if letter.severity == "critical" else apprise.NotifyType.WARNING
