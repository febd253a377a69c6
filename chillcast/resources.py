"""The composition root: what a command works with is opened here, and the one clock is held here.

What one command alone needs is imported where it is opened: LightGBM, pandas, pyarrow and SciPy would cost a
worker that needs none of them 200 MB.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chillcast.settings import Settings, read_settings
from models.delivery.routes import Routes, read_routes
from models.fleet.fleet import Fleet, load_fleet
from models.fleet.inventory import NOTHING, Inventory
from models.fleet.site_times import SiteTimes
from models.registry.promotion import Promotions

if TYPE_CHECKING:
    from models.registry.mlflow_registry import Registry
    from models.store.feature_store import FeatureStore
    from streams.access.audit import Audit
    from streams.kafka.case_line import CaseLine
    from streams.stores.influx import InfluxStore
    from streams.stores.sqlite_reader import SqliteReader
    from streams.stores.store import Store


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The time of this machine in seconds: since 1970, and since some start without ever going back."""

    since_1970_s: Callable[[], float] = time.time
    monotonic_s: Callable[[], float] = time.monotonic

    def now_ms(self) -> int:
        """Return UTC milliseconds since 1970."""
        return int(self.since_1970_s() * 1000)


@dataclass(frozen=True)
class Resources:
    """The settings and the fleet of a command, and all that is opened by them.

    Who opens a store closes it; the registry is reached when it is first needed.
    """

    settings: Settings
    fleet: Fleet
    clock: SystemClock = SystemClock()

    @classmethod
    def open(cls, **given: Any) -> Resources:
        """Return what the settings name; of these, what is ``given`` wins over the environment.

        Raises ConfigError if home is a file: much would be done before the first thing is written.
        """
        settings = read_settings(**given)
        if settings.home_path.exists() and not settings.home_path.is_dir():
            raise settings.wrong("home", "a folder, or one that can be made")
        return cls(settings, load_fleet(settings.fleet_path))

    @property
    def promotions(self) -> Promotions:
        """What was promoted, which lies beside the bundles of the fleet: needs no registry."""
        return Promotions(self.settings.home_path / "bundles" / self.fleet.name)

    @functools.cached_property
    def registry(self) -> Registry:
        """The registry of models."""
        from models.registry.mlflow_registry import Registry  # noqa: PLC0415

        home = self.settings.home_path
        return Registry(self.settings.registry, home / "registry", home / "bundles")

    @property
    def feature_store(self) -> FeatureStore:
        """The windows and events of the fleet, as files under the home folder."""
        from models.store.feature_store import FeatureStore  # noqa: PLC0415

        return FeatureStore(self.settings.home_path / "features" / self.fleet.name)

    @functools.cached_property
    def inventory(self) -> Inventory:
        """What the machines are, as `data inventory` took it in last."""
        if not (self.settings.home_path / "features" / self.fleet.name).exists():
            return NOTHING
        files = self.feature_store.inventory_files()
        return self.feature_store.read_inventory(files[-1]) if files else NOTHING

    @functools.cached_property
    def site_times(self) -> SiteTimes:
        """The times of the sites, as the inventory has their zones."""
        return SiteTimes(self.inventory)

    @functools.cached_property
    def routes(self) -> Routes:
        """Who is told of cases; raises ConfigError if the file is wrong, or names an unknown channel."""
        names = self.settings.channel_addresses
        known = f"one of {', '.join(names) or 'none'} (CHILLCAST_CHANNELS)"
        if not self.settings.routes:
            raise self.settings.wrong("routes", "a TOML file that says who is told of cases")
        return read_routes(Path(self.settings.routes), names, known)

    @property
    def audit(self) -> Audit:
        """The record of changes."""
        return open_audit(self.settings, self.clock)

    @property
    def case_line(self) -> CaseLine:
        """What asks something of a case, and hears the answer."""
        from streams.kafka.case_line import CaseLine  # noqa: PLC0415
        from streams.kafka.topics import Topics  # noqa: PLC0415

        settings, clock_s = self.settings, self.clock.monotonic_s
        return CaseLine(settings.connection, Topics(settings.topic_prefix), settings.partitions, clock_s)

    def open_store(self) -> Store:
        """Return InfluxDB if a URL is configured, the embedded store otherwise."""
        return open_store(self.settings)

    def open_reader(self) -> InfluxStore | SqliteReader:
        """Return what reads the store that `open_store` writes."""
        from streams.stores import open_store as stores  # noqa: PLC0415

        return stores.open_reader(*_place_of_store(self.settings))


def open_store(settings: Settings) -> Store:
    """Return the store of settings, without a fleet."""
    from streams.stores import open_store as stores  # noqa: PLC0415

    return stores.open_store(*_place_of_store(settings))


def open_audit(settings: Settings, clock: SystemClock = SystemClock()) -> Audit:
    """Return the record of changes of settings, without a fleet."""
    from streams.access.audit import Audit  # noqa: PLC0415
    from streams.access.database import Database  # noqa: PLC0415

    return Audit(Database(settings.access_path), clock.now_ms)


def _place_of_store(settings: Settings) -> tuple[str | None, str, str, str, Path]:
    token = settings.influx_token.get_secret_value()
    influx = token, settings.influx_org, settings.influx_bucket
    return settings.influx_url or None, *influx, settings.store_path
