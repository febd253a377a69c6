"""What delivers notices: channels, the courier and the clock, put together from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from chillcast.pipeline.mail_pictures import pictures_of
from chillcast.pipeline.pipeline import wait_for_configured_broker
from chillcast.resources import Resources
from models.delivery.hours import moment
from models.delivery.notice import Notice, Parcel, Silence
from models.errors import ConfigError
from streams.delivery.channels import Channel, open_channels
from streams.delivery.courier import ThreadedCourier
from streams.delivery.heartbeat import Heartbeat
from streams.delivery.wording import Wording
from streams.delivery.work_orders import WorkOrderChannel
from streams.kafka.publisher import Publisher
from streams.kafka.topics import NOTICES_HOME, Topics, create_topics
from streams.wire import codec


def open_courier(resources: Resources, topics: Topics) -> tuple[ThreadedCourier, Heartbeat]:
    """Return a courier over the channels of the settings, and the clock of delivery, which beats already."""
    channels, clock = channels_of(resources), resources.clock
    publisher = Publisher(resources.settings.connection, give_up_s=None)
    heartbeat = Heartbeat(publisher, topics, clock.now_ms)
    courier = ThreadedCourier(channels, heartbeat.report, clock.now_ms, clock.monotonic_s)
    heartbeat.start()
    return courier, heartbeat


def channels_of(resources: Resources) -> dict[str, Channel]:
    """Return the channels of the settings; raises ConfigError for one that leads nowhere."""
    settings = resources.settings
    wording = Wording(resources.fleet.outcome, resources.site_times, settings.page_url)
    durations_h = resources.routes.durations_h if settings.routes else {}

    def open_orders(name: str, address: str) -> WorkOrderChannel:
        secret, now_s = settings.work_order_secret.get_secret_value(), resources.clock.since_1970_s
        return WorkOrderChannel(name, address, wording, resources.inventory, durations_h, secret, now_s)

    return open_channels(settings.channel_addresses, wording, open_orders, partial(pictures_of, resources))


def send_test(resources: Resources, name: str) -> str:
    """Send a notice that says it is a test; return what the receiver calls it.

    Raises ConfigError for a channel that there is not, and UnavailableError if it was not taken.
    """
    channels = channels_of(resources)
    if name not in channels:
        expected = f"one of {', '.join(channels) or 'none'} (CHILLCAST_CHANNELS)"
        raise ConfigError("command line", "channel", name, expected)
    now_ms = resources.clock.now_ms()
    notice = Notice(id=f"test/{now_ms}", route="test", kind="test", time_ms=now_ms, lines=())
    return channels[name].send(Parcel(notice=notice, channel=name, next_ms=now_ms))


@dataclass(frozen=True, slots=True)
class Quiet:
    """A silence as somebody at a terminal asks for it; ``until`` is a date or time, or ``now``."""

    name: str
    until: str
    sites: tuple[str, ...]
    machines: tuple[str, ...]
    modes: tuple[str, ...]
    text: str
    who: str


def send_silence(resources: Resources, quiet: Quiet) -> dict[str, Any]:
    """Let nothing be sent of some machines until a moment; return what was asked for."""
    settings, now_ms = resources.settings, resources.clock.now_ms()
    zone = resources.routes.zone
    try:
        until_ms = now_ms if quiet.until == "now" else moment(quiet.until, zone)
    except ValueError as error:
        expected = f"a date or time in {zone}, as 2026-02-01 or 2026-02-01T08:00, or now"
        raise ConfigError("command line", "until", quiet.until, expected) from error
    silence = Silence(
        id=quiet.name,
        who=quiet.who,
        time_ms=now_ms,
        until_ms=until_ms,
        sites=quiet.sites,
        machines=quiet.machines,
        modes=quiet.modes,
        text=quiet.text,
    )
    topics = Topics(settings.topic_prefix)
    wait_for_configured_broker(settings, lambda _: None)
    create_topics(settings.connection, topics, settings.partitions)
    with Publisher(settings.connection) as publisher:
        publisher.send(NOTICES_HOME, codec.silence(topics.notices, silence))
    return {"silence": quiet.name, "until": "now" if quiet.until == "now" else f"{quiet.until} ({zone})"}
