"""All settings, in one frozen object, read once at the front door."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from chillcast.setting_types import (
    Addresses,
    Channels,
    Groups,
    Header,
    MemberName,
    Names,
    Port,
    Prefix,
    Protocol,
    Secret,
    Url,
)
from chillcast.shipped import find_file
from models.errors import ConfigError, UnknownKeyError
from models.fleet.config import faults, means, named, refuse, suggestion
from streams.delivery.addresses import named_addresses, written_addresses
from streams.kafka.connection import Connection, Security
from streams.redaction import MASK, credentials_of, redact, tokens_of

PREFIX = "CHILLCAST_"
_OTHERS = frozenset({"CACHE", "CHROMIUM", "INFLUXD", "KAFKA_HOME"})  # of tools; those of tests begin so:
_TESTS = PREFIX + "TEST_"
_OPTIONS = {"page_host": "--host", "page_port": "--port"}  # the others are called as their setting
_PROTOCOLS = {
    "plaintext": "PLAINTEXT",
    "tls": "SSL",
    "sasl-tls": "SASL_SSL",
    "sasl-plaintext-insecure": "SASL_PLAINTEXT",
}
_HIDDEN = MASK
_SECRET = re.compile(r"(?i)token|passw|secret|api_?key|credential|access_key|chillcast_channels")


class Settings(BaseSettings):
    """What the environment says; each field is the variable ``CHILLCAST_<FIELD>``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    home: Annotated[str, means("folder for everything that is written")] = ".chillcast"
    fleet: Annotated[str, means("fleet file, or the name of one that is shipped")] = "chiller"
    broker: Annotated[Addresses, means("`host:port[,host:port…]` of Kafka; empty: an embedded broker")] = ""
    broker_security: Annotated[
        Protocol,
        means("how it is reached ([security](security.md))"),
    ] = "plaintext"
    broker_mechanism: Annotated[
        Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"], means("how a password is shown to it")
    ] = "SCRAM-SHA-512"
    broker_username: Annotated[str, means("name at the broker, for `sasl-…`")] = ""
    broker_password: Annotated[Secret, means("its password")] = SecretStr("")
    broker_ca_file: Annotated[
        str,
        means(
            "PEM file of the authority that signed the broker's certificate; else the system's are trusted"
        ),
    ] = ""
    broker_cert_file: Annotated[
        str, means("PEM file of a certificate of our own, if the broker wants one")
    ] = ""
    broker_key_file: Annotated[str, means("PEM file of its key")] = ""
    partitions: Annotated[
        int, Field(ge=1, le=1024), means("partitions of every topic; an existing topic must have as many")
    ] = 2
    session_timeout_s: Annotated[
        int,
        Field(ge=1, le=300),
        means("after which a silent worker's partitions move to another; the embedded broker gets 2"),
    ] = 10
    state_interval_s: Annotated[
        int,
        Field(ge=0, le=3600),
        means(
            "after which a worker saves what changed in its state, one partition after the other; sooner if "
            "that costs little; a restart sees again what came since"
        ),
    ] = 60
    state_loss: Annotated[
        Literal["refuse", "accept"],
        means(
            "if state is lost and the log does not reach back far enough: `refuse`, or `accept` windows that "
            "lack what is gone"
        ),
    ] = "refuse"
    rekey_topic: Annotated[
        str,
        means(
            "topic of a producer that cannot send with the machine as key; `up` then runs a first hop from "
            "it to `telemetry`, and so does `chillcast rekey`"
        ),
    ] = ""
    topic_prefix: Annotated[Prefix, means("put before every topic and group")] = ""
    influx_url: Annotated[Url, means("InfluxDB 2; empty: the embedded store")] = ""
    influx_token: Annotated[Secret, means("its token")] = SecretStr("")
    influx_admin_token: Annotated[
        Secret, means("a token that may do all in the organisation, for `chillcast influx setup` alone")
    ] = SecretStr("")
    influx_org: Annotated[str, means("its organisation")] = "chillcast"
    influx_bucket: Annotated[str, means("its bucket, which has to exist")] = "chillcast"
    registry_uri: Annotated[str, means("MLflow server; empty: sqlite under the home folder")] = ""
    gate_segment_shutdowns: Annotated[
        int,
        Field(ge=1),
        means("shutdowns from which on a segment is judged by the gate on its own"),
    ] = 10
    retraining: Annotated[
        str,
        means(
            "file that says [when a model is trained again](loop.md), or the name of a shipped one; empty: "
            "`up` runs no `retrain`"
        ),
    ] = ""
    segment_memory_mb: Annotated[
        int,
        Field(ge=1, le=1_048_576),
        means(
            "memory for models of [segments](models.md#segments) in a risk worker; those that were not used "
            "for longest make room"
        ),
    ] = 256
    page_host: Annotated[str, means("address of the page")] = "127.0.0.1"
    page_port: Annotated[Port, means("port of the page, 0 for a free one")] = 8080
    page_allowed_hosts: Annotated[
        Names,
        means(
            "names by which the page may be asked for, beside its address; `*.example.org` is all below it, "
            "`*` any ([security](security.md))"
        ),
    ] = "localhost,127.0.0.1,[::1]"
    page_writes: Annotated[
        Literal["loopback", "anyone", "nobody"],
        means(
            "who may change cases through the page if nobody signs in: whoever reaches it if it listens on "
            "`loopback`, `anyone` who reaches it, or `nobody`, then not even who signs in"
        ),
    ] = "loopback"
    page_sign_in: Annotated[
        Literal["auto", "none"],
        means(
            "`auto`: everybody signs in once there is a way to; without one the page listens on loopback "
            "alone. `none`: nobody does, wherever it listens ([security](security.md#the-page))"
        ),
    ] = "auto"
    page_url: Annotated[
        Url,
        means(
            "address under which browsers reach the page, if it is another than it listens on; links in "
            "notices need it"
        ),
    ] = ""
    page_idle_min: Annotated[
        int, Field(ge=1, le=1440), means("minutes without a request after which somebody signs in again")
    ] = 60
    page_session_h: Annotated[
        int, Field(ge=1, le=720), means("hours after which somebody signs in again in any case")
    ] = 12
    api_requests_per_min: Annotated[
        int,
        Field(ge=0, le=1_000_000),
        means(
            "requests a minute that [the API](page.md#the-api) takes of each user or token, and of each "
            "address as long as it is not known who asks; 0: any number"
        ),
    ] = 600
    routes: Annotated[
        str,
        means(
            "TOML file that says [who is told of cases](delivery.md); empty: nobody, and `up` runs no "
            "`delivery`"
        ),
    ] = ""
    channels: Annotated[
        Channels,
        means(
            "where notices go, by the names that routes have: each address is one that Apprise knows, or "
            "`cmms+https://…` for work orders; shown nowhere"
        ),
    ] = SecretStr("")
    work_order_secret: Annotated[
        Secret, means("what work orders are signed with, both ways; empty: none go out, and none are taken")
    ] = SecretStr("")
    api_url: Annotated[
        Url,
        means(
            "address of a page; `chillcast cases` then changes cases through [its API](page.md#the-api), "
            "unless `--broker` is given"
        ),
    ] = ""
    api_token: Annotated[Secret, means("token for it ([security](security.md#commands))")] = SecretStr("")
    page_roles: Annotated[
        Groups,
        means(
            "roles of people whom an OpenID provider or a proxy knows: `group=role`, several with a comma "
            "between them, of which the first that fits holds; the group `*` is anybody "
            "([security](security.md#roles))"
        ),
    ] = ""
    oidc_issuer: Annotated[
        Url, means("OpenID provider with which people sign in; empty: none ([security](security.md#openid))")
    ] = ""
    oidc_client_id: Annotated[str, means("as whom the page is known to it")] = ""
    oidc_client_secret: Annotated[Secret, means("its secret there; empty: a public client")] = SecretStr("")
    oidc_scope: Annotated[str, means("what it is asked for")] = "openid profile email"
    oidc_name_claim: Annotated[str, means("claim that names somebody")] = "preferred_username"
    oidc_groups_claim: Annotated[
        str, means("claim that has somebody's groups, `realm_access.roles` one within another")
    ] = "groups"
    proxy_secret: Annotated[
        Secret,
        means(
            "what a proxy that knows people shows in `X-Chillcast-Proxy-Secret`; empty: none is believed "
            "([security](security.md#a-proxy))"
        ),
    ] = SecretStr("")
    proxy_user_header: Annotated[Header, means("header in which it names somebody")] = "X-Forwarded-User"
    proxy_groups_header: Annotated[
        Header, means("header in which it names their groups, with a comma between them")
    ] = "X-Forwarded-Groups"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], means("what is logged, from this level on")
    ] = "warning"
    log_format: Annotated[
        Literal["text", "json"],
        means("`json`: one object per line ([operations](operations.md))"),
    ] = "text"
    metrics_host: Annotated[str, means("address at which a worker serves its metrics")] = "127.0.0.1"
    metrics_port: Annotated[
        Port,
        means("port of a worker's metrics, and of whether it is well; one per worker, 0 for none"),
    ] = 0
    worker_id: Annotated[
        MemberName,
        means(
            "name of a worker among those of its stage, such as that of its pod: started again within "
            "`CHILLCAST_SESSION_TIMEOUT_S` it keeps its partitions; empty: a name by chance"
        ),
    ] = ""
    workers: Annotated[
        int,
        Field(ge=0, le=1024),
        means("how many workers each stage has: `CHILLCAST_PARTITIONS` must be divisible by it; 0: not said"),
    ] = 0

    _given: frozenset[str] = PrivateAttr(frozenset())

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
                password=self.broker_password.get_secret_value(),
                ca_file=self.broker_ca_file,
                cert_file=self.broker_cert_file,
                key_file=self.broker_key_file,
            ),
        )

    @property
    def channel_addresses(self) -> dict[str, str]:
        """The addresses of channels, by name."""
        return named_addresses(self.channels.get_secret_value())

    @property
    def store_path(self) -> Path:
        """The embedded store."""
        return self.home_path / "store.db"

    @property
    def access_path(self) -> Path:
        """The file of who may come in, and of what they did."""
        return self.home_path / "access.db"

    @property
    def registry(self) -> str:
        """Address of the MLflow registry."""
        return self.registry_uri or f"sqlite:///{self.home_path / 'registry' / 'mlflow.db'}"

    def environment(self) -> dict[str, str]:
        """Return these settings as the environment of a child process, secrets as they are."""
        return {PREFIX + name.upper(): _plain(value) for name, value in self}

    def wrong(self, name: str, expected: str) -> ConfigError:
        """Return the error of a setting that turned out to be wrong; it blames what had given it."""
        return _blamed(ConfigError("", name, getattr(self, name), expected), self._given)


def read_settings(**given: Any) -> Settings:
    """Read the settings; what is ``given`` on the command line, and is not None, wins.

    Raises ConfigError with the option or variable, its value and what was expected, also for a variable
    that there is not. It shows no value of that, and none of a secret.

    >>> read_settings(partitions=0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    models.errors.ConfigError: command line: --partitions = 0: expected a whole number at least 1 and ...
    """
    options = {name: value for name, value in given.items() if value is not None}
    redact.keep(_secrets({**os.environ, **options}))
    wrong: list[ConfigError] = list(_unknown(os.environ))
    try:
        settings = Settings(**options)
    except ValidationError as error:
        wrong += [_blamed(fault, options) for fault in faults(error, Settings)]
    else:
        settings._given = frozenset(options)
        wrong += _inconsistent(settings)
    refuse(wrong)
    return settings


def _secrets(given: Mapping[str, Any]) -> Iterable[str]:
    """Yield what must not be shown: secrets by name, values of misspelt settings, credentials."""
    settings = {PREFIX + name.upper() for name in Settings.model_fields}
    for name, value in given.items():
        is_ours, text = name.upper().startswith(PREFIX), str(value)
        misspelt = is_ours and name.upper() not in settings and name.removeprefix(PREFIX) not in _OTHERS
        if name.upper() in (PREFIX + "CHANNELS", "CHANNELS"):
            yield from (token for address in written_addresses(text) for token in tokens_of(address))
        if _SECRET.search(name) or (misspelt and not name.startswith(_TESTS)):
            yield text
        yield from credentials_of(text, bare=is_ours or name.islower())


def _unknown(environment: Mapping[str, str]) -> Iterable[UnknownKeyError]:
    """Yield an error for each variable with our prefix that is no setting: pydantic passes over them."""
    known = [name.upper() for name in Settings.model_fields]
    for variable in environment:
        name = variable.upper().removeprefix(PREFIX)
        if name != variable.upper() and name not in {*known, *_OTHERS} and not variable.startswith(_TESTS):
            yield UnknownKeyError("environment", variable, None, suggestion(name, known, PREFIX))


def _blamed(fault: ConfigError, options: Iterable[str]) -> ConfigError:
    """Return the fault of a setting by the name that the operator wrote: of the option, or the variable."""
    name = fault.key
    if Settings.model_fields[name].annotation is SecretStr:
        fault = ConfigError("", name, _HIDDEN, fault.expected)
    if name in options:
        return named(fault, "command line", _OPTIONS.get(name, f"--{name}"))
    return named(fault, "environment", PREFIX + name.upper())


def _inconsistent(settings: Settings) -> Iterable[ConfigError]:
    """Yield an error for what does not go together: credentials without a use, work not shared evenly."""
    user, security = settings.broker_username, settings.broker_security
    if security.startswith("sasl") and not (user and settings.broker_password):
        yield settings.wrong("broker_username", f"a name, and a password, for {security}")
    if bool(settings.api_url) != bool(settings.api_token.get_secret_value()):
        yield settings.wrong("api_url", "an address, and a token beside it (CHILLCAST_API_TOKEN), or neither")
    if settings.workers and settings.partitions % settings.workers:
        yield settings.wrong("workers", f"a divisor of CHILLCAST_PARTITIONS = {settings.partitions}")
    if user and not security.startswith("sasl"):
        yield settings.wrong(
            "broker_username",
            "CHILLCAST_BROKER_SECURITY sasl-tls beside it; a password travels without encryption only if "
            "sasl-plaintext-insecure asks for that",
        )


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
