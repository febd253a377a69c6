"""All settings, in one frozen object, read once at the front door."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta

from models.errors import ConfigError
from models.fleet.config import read_table
from streams.kafka.connection import Connection, Security

PREFIX = "CHILLCAST_"
_SHIPPED = {"fleet": "fleets", "scenario": "fleets/scenarios", "training file": "fleets/training"}
_PROTOCOLS = {
    "plaintext": "PLAINTEXT",
    "tls": "SSL",
    "sasl-tls": "SASL_SSL",
    "sasl-plaintext-insecure": "SASL_PLAINTEXT",
}


def _one_of(*words: str) -> Meta:
    """Say of a text that it is one of these words."""
    return Meta(pattern=f"^({'|'.join(words)})$", description=f"one of {', '.join(words)}")


Addresses = Annotated[
    str,
    Meta(
        pattern=r"^$|^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$",
        description="host:port, or several with a comma between them",
    ),
]
Prefix = Annotated[
    str,
    Meta(
        pattern=r"^[a-zA-Z0-9._-]{0,100}$",
        description="at most 100 of letters, digits and . _ -",
    ),
]
Names = Annotated[
    str,
    Meta(
        pattern=r"^\*$|^(\*\.)?[\w.\-\[\]:]+(,(\*\.)?[\w.\-\[\]:]+)*$",
        description="names with a comma between them and no port, *.example.org for all below it, or *",
    ),
]
Url = Annotated[str, Meta(pattern=r"^$|^https?://\S+$", description="an address that begins with http")]
Port = Annotated[int, Meta(ge=0, le=65535)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the environment says; each field is the variable ``CHILLCAST_<FIELD>``.

    ``broker`` empty means the embedded one, ``influx_url`` empty the embedded store.
    """

    home: str = ".chillcast"
    fleet: str = "chiller"
    broker: Addresses = ""
    broker_security: Annotated[str, _one_of(*_PROTOCOLS)] = "plaintext"
    broker_mechanism: Annotated[str, _one_of("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")] = "SCRAM-SHA-512"
    broker_username: str = ""
    broker_password: str = ""
    broker_ca_file: str = ""
    broker_cert_file: str = ""
    broker_key_file: str = ""
    partitions: Annotated[int, Meta(ge=1, le=1024)] = 2
    session_timeout_s: Annotated[int, Meta(ge=1, le=300)] = 10
    state_interval_s: Annotated[int, Meta(ge=0, le=3600)] = 60
    state_loss: Annotated[str, _one_of("refuse", "accept")] = "refuse"
    topic_prefix: Prefix = ""
    influx_url: Url = ""
    influx_token: str = ""
    influx_org: str = "chillcast"
    influx_bucket: str = "chillcast"
    registry_uri: str = ""
    gate_segment_shutdowns: Annotated[int, Meta(ge=1)] = 10
    segment_memory_mb: Annotated[int, Meta(ge=1, le=1_048_576)] = 256
    page_host: str = "127.0.0.1"
    page_port: Port = 8080
    page_allowed_hosts: Names = "localhost,127.0.0.1,[::1]"
    log_level: Annotated[str, _one_of("debug", "info", "warning", "error")] = "warning"
    log_format: Annotated[str, _one_of("text", "json")] = "text"
    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 0

    @property
    def home_path(self) -> Path:
        """The folder under which everything is written."""
        return Path(self.home).resolve()

    @property
    def fleet_path(self) -> Path:
        """The fleet file: a path, or the name of one that comes with chillcast."""
        return find_file(self.fleet, "fleet")

    @property
    def connection(self) -> Connection:
        """How the configured broker is reached."""
        return Connection(
            self.broker,
            Security(
                protocol=_PROTOCOLS[self.broker_security],
                mechanism=self.broker_mechanism,
                username=self.broker_username,
                password=self.broker_password,
                ca_file=self.broker_ca_file,
                cert_file=self.broker_cert_file,
                key_file=self.broker_key_file,
            ),
        )

    @property
    def store_path(self) -> Path:
        """The embedded store."""
        return self.home_path / "store.db"

    @property
    def registry(self) -> str:
        """Address of the MLflow registry."""
        return self.registry_uri or f"sqlite:///{self.home_path / 'registry' / 'mlflow.db'}"

    def environment(self) -> dict[str, str]:
        """Return these settings as the environment of a child process."""
        return {PREFIX + k.upper(): str(v) for k, v in msgspec.structs.asdict(self).items()}


_WHOLE = [name for name, kind in get_type_hints(Settings).items() if kind is int]


def read_settings(environment: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
    """Read the settings; ``overrides`` that are not None, from the command line, win.

    Raises ConfigError with the variable, its value and what was expected, also for an unknown variable.

    >>> read_settings({"CHILLCAST_PARTITIONS": "4"}, home="/tmp/x").partitions
    4
    >>> read_settings({"CHILLCAST_PARTITIONS": "many"})
    Traceback (most recent call last):
    ...
    models.errors.ConfigError: environment: CHILLCAST_PARTITIONS = 'many': expected a whole number
    """
    given: dict[str, Any] = {}
    for name, value in environment.items():
        if name.startswith(PREFIX) and not name.startswith(_FOREIGN):
            given[name[len(PREFIX) :].lower()] = value
    for name, value in overrides.items():
        if value is not None:
            given[name] = value
    for name in _WHOLE:
        given[name] = _whole(name, given[name]) if name in given else None
    return _checked({k: v for k, v in given.items() if v is not None})


_FOREIGN = (PREFIX + "TEST_", PREFIX + "CACHE", PREFIX + "CHROMIUM", PREFIX + "INFLUXD")


def _whole(name: str, value: Any) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise ConfigError("environment", PREFIX + name.upper(), value, "a whole number") from error


def _checked(given: dict[str, Any]) -> Settings:
    try:
        found = read_table(given, Settings, "environment")
    except ConfigError as error:
        raise ConfigError("environment", PREFIX + error.key.upper(), error.value, error.expected) from error
    return _consistent(found)


def _consistent(settings: Settings) -> Settings:
    """Refuse credentials that would not be used, or would be missing."""
    name, security = settings.broker_username, settings.broker_security
    key = PREFIX + "BROKER_USERNAME"
    if security.startswith("sasl") and not (name and settings.broker_password):
        raise ConfigError("environment", key, name, f"a name, and a password, for {security}")
    if name and not security.startswith("sasl"):
        expected = (
            "CHILLCAST_BROKER_SECURITY sasl-tls beside it; a password travels without encryption only if "
            "sasl-plaintext-insecure asks for that"
        )
        raise ConfigError("environment", key, name, expected)
    return settings


def find_file(name: str, kind: str) -> Path:
    """Return the path of a file, or of the fleet, scenario or training file of that name which is shipped.

    A folder is none: one that a recording was written into must not hide the scenario of its name. Raises
    ConfigError that lists what there is.
    """
    given, here = Path(name), shipped(_SHIPPED[kind])
    if given.suffix or given.is_file():
        return given
    found = here / f"{name}.toml"
    if not found.exists():
        names = ", ".join(sorted(p.stem for p in here.glob("*.toml")))
        raise ConfigError("command line", kind, name, f"a path or one of {names}")
    return found


def shipped(folder: str) -> Path:
    """Return a folder that comes with chillcast: from the checkout, or from the installed package."""
    checkout = Path(__file__).parent.parent / folder
    return checkout if checkout.is_dir() else Path(str(resources.files("chillcast"))) / folder
